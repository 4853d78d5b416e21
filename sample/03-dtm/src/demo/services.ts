import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Child } from './child.js';
import type { DatabaseUrls } from './databases.js';
import { freePort } from './free-port.js';

const MAIN = fileURLToPath(new URL('../main.js', import.meta.url));

/** Long enough to catch a process between a reservation and its answer. */
const ANSWER_LATENCY_MS = 250;

/** Starts the two services as separate processes, at fixed addresses. */
export class Services {
  private constructor(
    private readonly folder: string,
    private readonly env: { readonly orders: NodeJS.ProcessEnv; readonly stock: NodeJS.ProcessEnv },
    readonly ordersUrl: string,
    readonly stockUrl: string,
  ) {}

  /**
   * @param folder For their logs.
   * @param dtm Where each of them finds DTM.
   */
  static async at(
    folder: string,
    databases: DatabaseUrls,
    dtm: { readonly orders: string; readonly stock: string },
  ): Promise<Services> {
    const [ordersPort, stockPort] = [await freePort(), await freePort()];
    const [ordersUrl, stockUrl] = [`http://127.0.0.1:${ordersPort}`, `http://127.0.0.1:${stockPort}`];
    // Each service has its own secret. It must survive a restart, because DTM sends old signatures back.
    const common = (port: number): NodeJS.ProcessEnv => ({
      ...process.env,
      PORT: String(port),
      CALLBACK_URL: `http://127.0.0.1:${port}`,
      CALLBACK_SECRET: randomBytes(24).toString('base64'),
      NO_COLOR: '1',
    });
    const env = {
      orders: {
        ...common(ordersPort),
        DATABASE_URL: databases.orders,
        DTM_URL: dtm.orders,
        STOCK_URL: stockUrl,
      },
      stock: {
        ...common(stockPort),
        MYSQL_URL: databases.stock,
        DTM_URL: dtm.stock,
        ORDERS_URL: ordersUrl,
        ANSWER_LATENCY_MS: String(ANSWER_LATENCY_MS),
      },
    };
    return new Services(folder, env, ordersUrl, stockUrl);
  }

  startOrders(): Promise<Child> {
    return this.start('orders', this.ordersUrl);
  }

  startStock(): Promise<Child> {
    return this.start('stock', this.stockUrl);
  }

  private start(service: 'orders' | 'stock', url: string): Promise<Child> {
    const { folder } = this;
    return Child.start(
      {
        program: process.execPath,
        parameters: [MAIN, service],
        env: this.env[service],
        folder,
        log: join(folder, `${service}.log`),
      },
      `${url}/health`,
    );
  }
}
