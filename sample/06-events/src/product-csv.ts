import { readFile } from 'node:fs/promises';
import { parse } from 'csv-parse/sync';
import { DATA_FILES } from './config/data-files.js';

/** One line of the file. */
interface ProductCsvRow {
  readonly sku: string;
  readonly name: string;
  readonly unit_price_cents: string;
  readonly stock: string;
}

export interface ProductData {
  readonly sku: string;
  readonly name: string;
  readonly unitPriceCents: number;
  readonly stock: number;
}

export async function readProductCsv(): Promise<ProductData[]> {
  const rows: ProductCsvRow[] = parse(await readFile(DATA_FILES.products), { columns: true });
  return rows.map(({ sku, name, unit_price_cents, stock }) => ({
    sku,
    name,
    unitPriceCents: Number(unit_price_cents),
    stock: Number(stock),
  }));
}
