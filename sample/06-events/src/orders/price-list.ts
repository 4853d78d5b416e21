import { Injectable, type OnModuleInit } from '@nestjs/common';
import { readProductCsv } from '../product-csv.js';

/** The prices, from the CSV file. */
@Injectable()
export class PriceList implements OnModuleInit {
  private prices: ReadonlyMap<string, number> = new Map();

  async onModuleInit(): Promise<void> {
    const products = await readProductCsv();
    this.prices = new Map(products.map(({ sku, unitPriceCents }) => [sku, unitPriceCents]));
  }

  /** In cents; `undefined` for an article that is not sold. */
  priceOf(sku: string): number | undefined {
    return this.prices.get(sku);
  }
}
