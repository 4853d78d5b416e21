import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Injectable } from '@nestjs/common';

/** The compiled files are in build/sample/01-orders. */
const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));

/** Where the files of this sample are, in the repository. */
export const FIXTURES = {
  orders: join(ROOT, 'sample/01-orders/data/orders.csv'),
  products: join(ROOT, 'sample/01-orders/data/products.csv'),
} as const;

/** The default folder of the service and of the demonstration. */
export const DEFAULT_FOLDERS = {
  service: join(ROOT, 'build/data/01-orders'),
  demonstration: join(ROOT, 'build/data/01-orders-demo'),
} as const;

/** Paths in the folder of a service; the mailbox is that of the demonstration's mail server. */
export const databaseIn = (folder: string): string => join(folder, 'shop.sqlite');
export const outboxIn = (folder: string): string => join(folder, 'outbox');
export const mailboxIn = (folder: string): string => join(folder, 'mailbox');

/** The settings of the service, from environment variables. */
@Injectable()
export class ShopConfig {
  readonly port = Number(process.env.PORT ?? 3000);

  /** The folder of the database and the outbox. */
  readonly dataFolder = resolve(process.env.DATA_FOLDER ?? DEFAULT_FOLDERS.service);

  /** The webhook that is called for new orders. By default the service itself stands in for a partner. */
  readonly webhookUrl = process.env.WEBHOOK_URL ?? `http://127.0.0.1:${this.port}/webhooks/orders`;

  /** The mail server, such as `smtps://user:password@mail.example.com`. Without one, mail is shown in the terminal. */
  readonly smtpUrl = process.env.SMTP_URL;

  /** How long a mail takes in addition, in milliseconds: time to kill the process in. */
  readonly mailLatency = Number(process.env.MAIL_LATENCY_MS ?? 0);
}
