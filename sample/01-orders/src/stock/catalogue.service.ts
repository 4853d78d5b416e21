import { readFile } from 'node:fs/promises';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { parse } from 'csv-parse/sync';
import { DataSource } from 'typeorm';
import { FIXTURES } from '../config/shop.config.js';
import { Product } from './product.entity.js';

interface ProductCsvRow {
  readonly sku: string;
  readonly name: string;
  readonly unit_price_cents: string;
  readonly stock: string;
}

/** Fills an empty shop with the articles of the CSV file. */
@Injectable()
export class CatalogueService implements OnModuleInit {
  constructor(private readonly dataSource: DataSource) {}

  async onModuleInit(): Promise<void> {
    const rows: ProductCsvRow[] = parse(await readFile(FIXTURES.products), { columns: true });
    const products = rows.map(({ sku, name, unit_price_cents, stock }) => ({
      sku,
      name,
      unitPriceCents: Number(unit_price_cents),
      available: Number(stock),
    }));
    await this.dataSource.transaction(async (manager) => {
      if ((await manager.count(Product)) === 0) await manager.insert(Product, products);
    });
  }
}
