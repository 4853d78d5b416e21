import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Broker } from './broker.js';
import { Child } from './child.js';
import { freePort } from './free-port.js';

const MAIN = fileURLToPath(new URL('../main.js', import.meta.url));

/** Long enough to catch the billing service between an invoice and its acknowledgement. */
const ACK_LATENCY_MS = 150;

/** Starts the two services as separate processes, at fixed addresses. */
export class Services {
  private readonly started: Child[] = [];

  private constructor(
    private readonly folder: string,
    private readonly env: NodeJS.ProcessEnv,
    private readonly ports: { readonly orders: number; readonly billing: number },
  ) {}

  /**
   * @param folder For their databases and logs.
   * @param brokerUrl Where they find the broker.
   */
  static async at(folder: string, { exchange, queue }: Broker, brokerUrl: string): Promise<Services> {
    const env = {
      ...process.env,
      DATA_FOLDER: folder,
      RABBITMQ_URL: brokerUrl,
      EXCHANGE: exchange,
      QUEUE: queue,
      ACK_LATENCY_MS: String(ACK_LATENCY_MS),
      NO_COLOR: '1',
    };
    return new Services(folder, env, { orders: await freePort(), billing: await freePort() });
  }

  get ordersUrl(): string {
    return `http://127.0.0.1:${this.ports.orders}`;
  }

  get billingUrl(): string {
    return `http://127.0.0.1:${this.ports.billing}`;
  }

  startOrders(): Promise<Child> {
    return this.start('orders', this.ordersUrl);
  }

  startBilling(): Promise<Child> {
    return this.start('billing', this.billingUrl);
  }

  /** SIGKILL to all that still runs. */
  async end(): Promise<void> {
    await Promise.all(this.started.map((child) => child.kill()));
  }

  private async start(service: 'orders' | 'billing', url: string): Promise<Child> {
    const { folder } = this;
    const child = await Child.start(
      {
        program: process.execPath,
        parameters: [MAIN, service],
        env: { ...this.env, PORT: String(this.ports[service]) },
        folder,
        log: join(folder, `${service}.log`),
      },
      `${url}/health`,
    );
    this.started.push(child);
    return child;
  }
}
