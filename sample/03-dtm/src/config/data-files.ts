import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The compiled files are in build/sample/03-dtm. */
const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));

/** The orders and products of the first sample. */
export const DATA_FILES = {
  orders: join(ROOT, 'sample/01-orders/data/orders.csv'),
  products: join(ROOT, 'sample/01-orders/data/products.csv'),
} as const;

/** The path of the DTM server built for the tests of this repository. */
export const BUILT_DTM = join(ROOT, '.cache/dtm/v1.19.0/dtm');

/** The folder for the logs of a demonstration and for DTM's data. */
export const folderOf = (name: string): string => join(ROOT, 'build/data', name);
