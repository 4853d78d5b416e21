import { Injectable, type OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { readProductCsv } from '../product-csv.js';
import { Product } from './product.entity.js';

/** Fills an empty stock with the articles of the CSV file. */
@Injectable()
export class CatalogueService implements OnModuleInit {
  constructor(private readonly dataSource: DataSource) {}

  async onModuleInit(): Promise<void> {
    const products = (await readProductCsv()).map(({ sku, name, stock }) => ({
      sku,
      name,
      available: stock,
    }));
    await this.dataSource.transaction(async (manager) => {
      if ((await manager.count(Product)) === 0) await manager.insert(Product, products);
    });
  }
}
