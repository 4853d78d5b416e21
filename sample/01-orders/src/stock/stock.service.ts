import { Injectable } from '@nestjs/common';
import { DataSource, In, type EntityManager } from 'typeorm';
import { Product } from './product.entity.js';
import { StockMovement } from './stock-movement.entity.js';

@Injectable()
export class StockService {
  constructor(private readonly dataSource: DataSource) {}

  list(): Promise<Product[]> {
    return this.dataSource.manager.find(Product, { order: { sku: 'ASC' } });
  }

  movementsOf(orderNumber: string): Promise<StockMovement[]> {
    return this.dataSource.manager.find(StockMovement, { where: { orderNumber }, order: { id: 'ASC' } });
  }

  /** Prices in cents, by article. Unknown articles are omitted. */
  async prices(manager: EntityManager, skus: readonly string[]): Promise<Map<string, number>> {
    const products = await manager.findBy(Product, { sku: In(skus) });
    return new Map(products.map(({ sku, unitPriceCents }) => [sku, unitPriceCents]));
  }

  /**
   * Reserves what is in stock; the rest is back-ordered.
   *
   * SQLite runs one transaction at a time. On a database server the article would be read with a lock.
   */
  async reserve(manager: EntityManager, orderNumber: string, sku: string, quantity: number): Promise<void> {
    const { available } = await manager.findOneByOrFail(Product, { sku });
    const reserved = Math.min(available, quantity);
    await manager.decrement(Product, { sku }, 'available', reserved);
    await manager.insert(StockMovement, { orderNumber, sku, reserved, backOrdered: quantity - reserved });
  }
}
