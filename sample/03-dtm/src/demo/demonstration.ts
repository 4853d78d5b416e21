import { relative } from 'node:path';
import { readProductCsv } from '../product-csv.js';
import type { Evidence } from './audit.js';
import type { Child } from './child.js';
import { addressOf, type DatabaseUrls } from './databases.js';
import type { DtmGateway } from './dtm-gateway.js';
import type { DtmServer } from './dtm-server.js';
import { OrderClient, type SentOrders } from './order-client.js';
import { readOrderFile, type OrderRequest } from './order-file.js';
import type { Services } from './services.js';
import { readRecords, type ShopRecords } from './shop-records.js';
import { summarize } from './summary.js';
import { until } from './until.js';

/** Number of orders to place. */
export const ORDERS_FROM_FILE = 100;
const KILL_AFTER_ORDERS = 50;
/** From this order on, reservations get no answer, so that some are under way when the service is killed. */
const PAUSE_AFTER_ORDERS = 40;
const HOLD = { submits: 3, prepares: 2 };

/** The demonstration, with its output in the terminal. */
export class Demonstration {
  private readonly client: OrderClient;
  /** Orders that the shop has accepted so far, with totals in cents. */
  private readonly accepted = new Map<string, number>();

  constructor(
    private readonly databases: DatabaseUrls,
    private readonly dtm: DtmServer,
    private readonly gateway: DtmGateway,
    private readonly services: Services,
  ) {
    this.client = new OrderClient(services.ordersUrl);
  }

  /** @returns the exit code. */
  async run(folder: string): Promise<number> {
    const { dtm, services } = this;
    say('nestjs-stepping, sample 03: two services, two databases, and DTM');

    heading('1. The servers');
    say(
      `   DTM            ${dtm.url}${dtm.pid === undefined ? ', which runs already' : `, process ${dtm.pid}`}`,
    );
    const stock = await services.startStock();
    say(
      `   stock service  ${services.stockUrl}, process ${stock.pid}, on ${addressOf(this.databases.stock)}`,
    );
    let orders = await services.startOrders();
    say(
      `   order service  ${services.ordersUrl}, process ${orders.pid}, on ${addressOf(this.databases.orders)}`,
    );
    say(`   their logs are in ${relative(process.cwd(), folder) || '.'}`);

    heading('2. An order over HTTP');
    await this.placeOne();

    heading('3. An order whose transaction is rolled back');
    await this.placeTooMuch();

    heading('4. Orders from a file, and SIGKILL between commit and submit');
    const sent = await this.placeAndKill(orders, stock);
    await this.reportRemains(sent);

    heading('5. The order service starts again');
    orders = await services.startOrders();
    say(`   process ${orders.pid}`);
    await this.finish(sent);

    heading('6. What the two databases and DTM say');
    const evidence = await this.evidence();
    await Promise.all([orders.stop(), stock.stop()]);
    const { lines, exitCode } = summarize(evidence, sent.unanswered.length);
    for (const line of lines) say(line);
    return exitCode;
  }

  private async placeOne(): Promise<void> {
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
    say(`   POST /orders, order ${number} -> ${status}: stored in PostgreSQL, and its job prepared at DTM`);
    if (status !== 201) throw new Error(`Order ${number} should have been accepted`);
    this.accept([order]);
    await this.untilDone('order W-20001 is done', 20);
    const { job, order: found } = await this.client.get<OrderView>(`/orders/${number}`);
    for (const [index, step] of job.steps.entries()) {
      say(`     ${index + 1} ${step.name.padEnd(23)}${step.status}  ${REMARKS[index]}`);
    }
    const lines = found.lines.map(({ sku, quantity, reserved }) => `${reserved} of ${quantity} ${sku}`);
    say(`   A job of the stock service has reported back: reserved are ${lines.join(' and ')}`);
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
    const gid = [...this.gateway.gids].at(-1)!;
    const atDtm = await until('DTM knows of the rollback', 20, () => this.ended(gid));
    say(
      `   The limit is checked after the job was started, in the same transaction. At DTM the job is: ${atDtm}`,
    );
    const { orders, movements } = await this.records();
    const traces = [
      orders.filter((order) => order.number === number).length,
      movements.filter(({ orderNumber }) => orderNumber === number).length,
    ];
    say(`   What is left of it: ${traces[0]} orders in PostgreSQL, ${traces[1]} stock movements in MariaDB`);
    if (atDtm !== 'failed' || traces.some((trace) => trace > 0))
      throw new Error('A rolled back order left something behind');
  }

  /** Kills the order service while DTM does not know of commits, transactions are open, and steps are running. */
  private async placeAndKill(orders: Child, stock: Child): Promise<SentOrders> {
    const { gateway } = this;
    const requests = await readOrderFile(ORDERS_FROM_FILE);
    say(`   ${requests.length} orders, eight at once, each in a transaction of its own`);
    const sending = this.client.placeAll(requests, (count) => {
      if (count === PAUSE_AFTER_ORDERS) stock.pause();
      if (count === KILL_AFTER_ORDERS) gateway.hold(HOLD);
    });
    let over = false;
    void sending.catch(() => undefined).finally(() => (over = true));
    await until('requests are held back', 30, () => gateway.isHolding || over || undefined, 1);
    await orders.kill();
    stock.resume();
    say(`   process ${orders.pid} was killed with SIGKILL, while the stock service owed it answers`);
    const sent = await sending;
    if (!gateway.isHolding) throw new Error('All orders were placed before the process could be killed');
    this.accept(sent.placed);
    return sent;
  }

  private async reportRemains({ placed, unanswered }: SentOrders): Promise<void> {
    const { heldSubmits, heldPrepares } = this.gateway;
    const { orders, movements, invoices } = await this.records();
    const committed = heldSubmits.map((gid) => orders.find(({ jobGid }) => jobGid === gid)?.number);
    const invoiced = new Set(invoices.map(({ orderNumber }) => orderNumber));
    const between = new Set(
      movements.map(({ orderNumber }) => orderNumber).filter((one) => !invoiced.has(one)),
    );
    say(
      `   It had answered ${placed.length} orders of the file; ${unanswered.length} requests have no answer.`,
    );
    say(
      `   ${heldSubmits.length} orders are committed, and DTM has not heard of it: ${committed.join(', ')}`,
    );
    say(
      `   ${heldPrepares.length} jobs are prepared at DTM, and their transactions have died with the process`,
    );
    say(`   ${between.size} orders are reserved in MariaDB, and have no invoice in PostgreSQL yet`);
    if (committed.includes(undefined))
      throw new Error('A job was submitted before its transaction committed');
  }

  private async finish(sent: SentOrders): Promise<void> {
    const { heldSubmits, heldPrepares } = this.gateway;
    const again = await this.client.placeAll([...sent.unanswered, ...sent.unsent], () => undefined);
    if (again.unanswered.length > 0) throw new Error('The order service is gone again');
    const { placed, known } = again;
    say(
      `   the client sends what was not answered, and the rest: ${placed.length} placed, ${known.length} there already`,
    );
    this.accept([...placed, ...known]);
    say(
      '   DTM asks the order service how the open transactions ended, and repeats the steps without answer.',
    );
    await this.settle();
    const ends = async (gids: readonly string[]): Promise<string> =>
      (await Promise.all(gids.map((gid) => this.dtm.statusOf(gid)))).join(', ');
    say(
      `   the ${heldSubmits.length} jobs that were committed and not submitted: ${await ends(heldSubmits)}`,
    );
    say(
      `   the ${heldPrepares.length} jobs whose transactions died:              ${await ends(heldPrepares)}`,
    );
  }

  /** Waits until everything has ended. The audit reports what does not end. */
  private async settle(): Promise<void> {
    const open = new Set(this.gateway.gids);
    try {
      await this.untilDone('all orders are done', 60);
      await until('all jobs have ended', 30, async () => {
        for (const gid of open) if (await this.ended(gid)) open.delete(gid);
        return open.size === 0 || undefined;
      });
    } catch (error) {
      say(`   ${(error as Error).message}`);
    }
  }

  /** Every accepted order has its invoice, and the report of the stock service. */
  private async untilDone(what: string, seconds: number): Promise<void> {
    await until(what, seconds, async () => {
      const { invoices, lines } = await this.records();
      const invoiced = new Set(invoices.map(({ orderNumber }) => orderNumber));
      const done = [...this.accepted.keys()].every((number) => invoiced.has(number));
      return (done && lines.every(({ reserved }) => reserved !== null)) || undefined;
    });
  }

  private async ended(gid: string): Promise<string | undefined> {
    const status = await this.dtm.statusOf(gid);
    return status === 'succeed' || status === 'failed' ? status : undefined;
  }

  private async evidence(): Promise<Evidence> {
    const jobs = new Map<string, string>();
    for (const gid of this.gateway.gids) jobs.set(gid, await this.dtm.statusOf(gid));
    const products = await readProductCsv();
    return {
      records: await this.records(),
      stock: new Map(products.map(({ sku, stock }) => [sku, stock])),
      accepted: this.accepted,
      jobs,
    };
  }

  private accept(orders: readonly OrderRequest[]): void {
    for (const { body, totalCents } of orders) this.accepted.set(body.number, totalCents);
  }

  private records(): Promise<ShopRecords> {
    return readRecords(this.databases);
  }
}

interface OrderView {
  readonly order: {
    readonly lines: readonly { readonly sku: string; readonly quantity: number; readonly reserved: number }[];
  };
  readonly job: { readonly steps: readonly { readonly name: string; readonly status: string }[] };
}

const CUSTOMER = { customerName: 'Ada Brandt', customerEmail: 'ada.brandt@example.com' };

/** What the steps of an order's job do. */
const REMARKS = ['asks the stock service to reserve', 'in the order service, in a transaction'];

function heading(text: string): void {
  say(`\n${text}`);
}

function say(text: string): void {
  console.log(text);
}
