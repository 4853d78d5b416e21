import { relative } from 'node:path';
import type { BrokerProxy } from './broker-proxy.js';
import { addressOf, type Broker } from './broker.js';
import type { Child } from './child.js';
import { OrderClient } from './order-client.js';
import { readOrderFile, type OrderRequest } from './order-file.js';
import { readBilling, readRecords, type Records } from './records.js';
import type { Services } from './services.js';
import { summarize } from './summary.js';
import { heading, say } from './terminal.js';
import { until } from './until.js';

const ORDERS_FROM_FILE = 100;
/** The broker is muted after so many of them, and cut off after some more. */
const MUTED_AFTER = 20;
const CUT_AFTER = 40;
/** Some events. */
const BYTES_HEARD = 2000;
const KILL_AT_INVOICES = 50;

interface OrderView {
  readonly event: { readonly status: string; readonly attempts: number; readonly error: string | null };
}

/** The demonstration, with its output in the terminal. */
export class Demonstration {
  private readonly client: OrderClient;
  /** Orders that the shop has accepted so far, with totals in cents. */
  private readonly accepted = new Map<string, number>();

  constructor(
    private readonly folder: string,
    private readonly broker: Broker,
    private readonly proxy: BrokerProxy,
    private readonly services: Services,
  ) {
    this.client = new OrderClient(services.ordersUrl);
  }

  /** @returns the exit code. */
  async run(): Promise<number> {
    const { broker, services, folder } = this;
    say('nestjs-stepping, sample 06: events through RabbitMQ, with an outbox and an inbox');

    heading('1. The order service, and a broker');
    say(`   RabbitMQ         ${addressOf(broker.url)}, by way of a proxy at ${addressOf(this.proxy.url)}`);
    say(`   exchange, queue  ${broker.exchange}, ${broker.queue}`);
    const orders = await services.startOrders();
    say(`   order service    ${services.ordersUrl}, process ${orders.pid}`);
    say(`   databases and logs are in ${relative(process.cwd(), folder) || '.'}`);

    heading('2. An order that nobody hears of yet');
    const number = await this.placeUnheard();
    let billing = await this.startBilling();
    await until('the order is billed', 30, () => this.invoices().includes(number) || undefined);
    say(`   now somebody is there for it: order ${number} is billed`);

    heading('3. An order whose transaction is rolled back');
    await this.placeTooMuch();

    heading(`4. ${ORDERS_FROM_FILE} orders, and the broker cut off in the middle`);
    await this.placeAndCut();

    heading('5. The broker is back, and SIGKILL to the billing service');
    await this.restoreAndKill(billing);

    heading('6. The billing service starts again');
    billing = await this.startBilling();
    await this.settle();

    heading('7. What the two databases and the queue say');
    await Promise.all([orders.stop(), billing.stop()]);
    const { waiting } = await broker.look();
    const { lines, exitCode } = summarize({ records: this.records(), accepted: this.accepted, waiting });
    for (const line of lines) say(line);
    return exitCode;
  }

  private async startBilling(): Promise<Child> {
    const billing = await this.services.startBilling();
    say(`   billing service  ${this.services.billingUrl}, process ${billing.pid}`);
    return billing;
  }

  /** No queue is bound yet, so the broker has nowhere to put the event, and gives it back. */
  private async placeUnheard(): Promise<string> {
    const order: OrderRequest = {
      totalCents: 7470,
      body: {
        ...CUSTOMER,
        number: 'W-20001',
        lines: [
          { sku: 'TEA-SEN-100', quantity: 2 },
          { sku: 'POT-TEA-800', quantity: 1 },
        ],
      },
    };
    const { number } = order.body;
    const { status } = await this.client.place(order);
    say(`   POST /orders, order ${number} -> ${status}: stored, and its event with it`);
    if (status !== 201) throw new Error(`Order ${number} should have been accepted`);
    this.accept(order);
    const event = await this.untilRefused(number);
    say(`   its event, attempts: ${event.attempts}`);
    say(`   ${event.error}`);
    return number;
  }

  private async placeTooMuch(): Promise<void> {
    const number = 'W-20002';
    const lines = [{ sku: 'GRI-EL-60', quantity: 40 }];
    const { status, message } = await this.client.place({
      totalCents: 0,
      body: { ...CUSTOMER, number, lines },
    });
    say(`   POST /orders, order ${number} -> ${status}: ${message}`);
    if (status !== 422) throw new Error(`Order ${number} should have been refused`);
    const { orders, events } = this.records();
    const traces = [
      orders.filter((order) => order.number === number).length,
      events.filter(({ orderNumber }) => orderNumber === number).length,
    ];
    say(
      '   The limit is checked after the event was published, in the same transaction. What is left of it:',
    );
    say(`   ${traces[0]} orders, ${traces[1]} events`);
    if (traces.some((trace) => trace > 0)) throw new Error('A rolled back order left something behind');
  }

  private async placeAndCut(): Promise<void> {
    const { client, proxy } = this;
    const orders = await readOrderFile(ORDERS_FROM_FILE);
    await client.placeAll(orders.slice(0, MUTED_AFTER));
    // What the broker says gets lost for a moment, so that it has events whose confirmations never arrive.
    proxy.mute();
    await client.placeAll(orders.slice(MUTED_AFTER, CUT_AFTER));
    await until('the broker has got events', 30, () => proxy.heardWhileMuted > BYTES_HEARD || undefined, 1);
    proxy.cut();
    say(
      `   the broker is cut off after ${CUT_AFTER} orders; it has events that it could not confirm any more`,
    );
    await client.placeAll(orders.slice(CUT_AFTER));
    for (const order of orders) this.accept(order);
    say(`   POST /orders: ${orders.length} accepted, ${orders.length - CUT_AFTER} of them without a broker`);
    const last = orders.at(-1)!.body.number;
    const { attempts, error } = await this.untilRefused(last);
    const waiting = this.records().events.filter(({ status }) => status !== 'succeeded').length;
    say(`   ${waiting} events wait in the database; that of order ${last}, attempts: ${attempts}`);
    say(`   ${error}`);
  }

  private async restoreAndKill(billing: Child): Promise<void> {
    this.proxy.restore();
    await until(
      'orders are being billed',
      60,
      () => this.invoices().length >= KILL_AT_INVOICES || undefined,
      5,
    );
    await billing.kill();
    say(`   process ${billing.pid} was killed with SIGKILL, in the middle of its work`);
    const waiting = await until('the broker knows that it is gone', 30, async () => {
      const look = await this.broker.look();
      return look.consumers === 0 ? look.waiting : undefined;
    });
    say(`   it has left ${this.invoices().length} invoices, and ${waiting} events in the queue`);
  }

  /** Waits until everything has ended. The audit reports what does not end. */
  private async settle(): Promise<void> {
    try {
      await until('all orders are billed', 90, () => {
        const billed = new Set(this.invoices());
        return [...this.accepted.keys()].every((number) => billed.has(number)) || undefined;
      });
      await until('all events are published', 30, () => {
        return this.records().events.every(({ status }) => status === 'succeeded') || undefined;
      });
      await until('all events are settled', 30, async () => {
        const response = await fetch(`${this.services.billingUrl}/health`);
        const { eventsInHand } = (await response.json()) as { eventsInHand: number };
        return (eventsInHand === 0 && (await this.broker.look()).waiting === 0) || undefined;
      });
      say('   all events are published and settled');
    } catch (error) {
      say(`   ${(error as Error).message}`);
    }
  }

  /** The event of an order when an attempt to publish it has failed, with the first line of the error. */
  private untilRefused(number: string): Promise<OrderView['event']> {
    return until(`an attempt to publish order ${number} has failed`, 60, async () => {
      const { event } = await this.client.get<OrderView>(`/orders/${number}`);
      return event.error === null ? undefined : { ...event, error: event.error.split('\n')[0]! };
    });
  }

  /** The orders that have an invoice. */
  private invoices(): string[] {
    return readBilling(this.folder).invoices.map(({ orderNumber }) => orderNumber);
  }

  private accept({ body, totalCents }: OrderRequest): void {
    this.accepted.set(body.number, totalCents);
  }

  private records(): Records {
    return readRecords(this.folder);
  }
}

const CUSTOMER = { customerName: 'Ada Brandt', customerEmail: 'ada.brandt@example.com' };
