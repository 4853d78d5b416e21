import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The compiled files are in build/sample/06-events. */
const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));

/** The orders and products of the first sample. */
export const DATA_FILES = {
  orders: join(ROOT, 'sample/01-orders/data/orders.csv'),
  products: join(ROOT, 'sample/01-orders/data/products.csv'),
} as const;

/** The default folders of the services and of the demonstration. */
export const DEFAULT_FOLDERS = {
  services: join(ROOT, 'build/data/06-events'),
  demonstration: join(ROOT, 'build/data/06-events-demo'),
} as const;

/** The folder of the databases, from the environment. */
export const dataFolder = (): string => resolve(process.env.DATA_FOLDER ?? DEFAULT_FOLDERS.services);

/** Each service has a database of its own in that folder. */
export const ordersDatabaseIn = (folder: string): string => join(folder, 'orders.sqlite');
export const billingDatabaseIn = (folder: string): string => join(folder, 'billing.sqlite');
