import { existsSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { databaseIn, DEFAULT_FOLDERS, FIXTURES, outboxIn } from '../config/shop.config.js';
import { readOrderCsv } from '../orders/order-csv.js';
import { gatherEvidence } from './audit.js';
import { readEmails, type Email } from './emails.js';
import { freePort, ServiceProcess } from './service-process.js';
import { readRecords, type JobRecord, type ShopRecords } from './shop-records.js';
import { summarize } from './summary.js';
import { until } from './until.js';

/** Long enough to catch a process between the mail and the answer of the mail server. */
const MAIL_LATENCY_MS = 300;
const STEPS = ['reserve-stock', 'send-order-confirmation', 'stepping.http-request'];
const MAIL_STEP = 1;
const KILL_AFTER_ORDERS = 100;
const REPORT_EVERY_JOBS = 30;

interface OrderView {
  readonly job: {
    readonly status: string;
    readonly steps: readonly { readonly name: string; readonly status: string; readonly attempts: number }[];
  };
}

interface ImportResult {
  readonly placed: number;
  readonly skipped: number;
  readonly rejected: readonly unknown[];
}

/** Runs the demonstration in the terminal and returns the exit code. */
export async function runDemonstration(folder?: string): Promise<number> {
  // The service ends with this process, also when it is interrupted.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  try {
    return await new Demonstration(await freshFolder(folder), await freePort()).run();
  } catch (error) {
    say(`\nThe demonstration failed: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  }
}

class Demonstration {
  /** Orders that the shop has accepted so far, with totals in cents. */
  private readonly accepted = new Map<string, number>();

  constructor(
    private readonly folder: string,
    private readonly port: number,
  ) {}

  async run(): Promise<number> {
    say('nestjs-stepping, sample 01: a small order service');

    heading('1. The service starts');
    let service = await this.start();
    say(`   its data and its log are in ${relative(process.cwd(), this.folder) || '.'}`);

    heading('2. An order over HTTP');
    await this.placeOne(service);

    heading('3. An order whose transaction is rolled back');
    await this.placeTooMuch(service);

    heading('4. Orders from a CSV file, and SIGKILL in the middle');
    const caught = await this.importAndKill(service);
    const emailsBefore = await this.reportRemains(caught);

    heading('5. The service starts again');
    service = await this.start();
    await this.finish(service, caught);

    heading('6. What the database and the files say');
    await service.stop();
    const { lines, exitCode } = summarize(await gatherEvidence(this.folder, this.accepted), emailsBefore);
    for (const line of lines) say(line);
    return exitCode;
  }

  private async start(): Promise<ServiceProcess> {
    const service = await ServiceProcess.start(this.folder, this.port, MAIL_LATENCY_MS);
    say(`   process ${service.pid} serves ${service.url}`);
    return service;
  }

  private async placeOne(service: ServiceProcess): Promise<void> {
    const number = 'W-20001';
    const { status, body } = await service.post<{ totalCents: number }>('/orders', {
      ...CUSTOMER,
      number,
      lines: [
        { sku: 'TEA-SEN-100', quantity: 2 },
        { sku: 'POT-TEA-800', quantity: 1 },
      ],
    });
    say(`   POST /orders, order ${number} -> ${status}: stored, and its job with it`);
    if (status !== 201) throw new Error(`Order ${number} should have been accepted`);
    this.accepted.set(number, body.totalCents);
    await until(`the job of order ${number} has succeeded`, 20, () =>
      this.records().jobs.find((job) => job.orderNumber === number && job.status === 'succeeded'),
    );
    await this.showJob(service, number);
  }

  private async placeTooMuch(service: ServiceProcess): Promise<void> {
    const number = 'W-20002';
    const { status, body } = await service.post<{ message: string }>('/orders', {
      ...CUSTOMER,
      number,
      lines: [{ sku: 'GRI-EL-60', quantity: 40 }],
    });
    say(`   POST /orders, order ${number} -> ${status}: ${body.message}`);
    if (status !== 422) throw new Error(`Order ${number} should have been refused`);
    say('   The limit is checked after the job was started, in the same transaction. What is left of it:');
    const traces = await this.tracesOf(number);
    say(`   ${traces.map(([what, count]) => `${count} ${what}`).join(', ')}`);
    if (traces.some(([, count]) => count > 0)) throw new Error('A rolled back order left something behind');
  }

  private async tracesOf(orderNumber: string): Promise<[string, number][]> {
    const { orders, ...records } = this.records();
    const emails = await readEmails(outboxIn(this.folder));
    const of = (rows: readonly { orderNumber: string }[]): number =>
      rows.filter((row) => row.orderNumber === orderNumber).length;
    return [
      ['orders', orders.filter(({ number }) => number === orderNumber).length],
      ['jobs', of(records.jobs)],
      ['stock movements', of(records.movements)],
      ['e-mails', of(emails)],
      ['webhooks', of(records.deliveries)],
    ];
  }

  /** Kills the service while a step is known to be running. Returns the job of that step. */
  private async importAndKill(service: ServiceProcess): Promise<JobRecord> {
    const orders = (await readOrderCsv(FIXTURES.orders)).map((rows) => rows[0]!);
    for (const { order_number, total_cents } of orders) this.accepted.set(order_number, Number(total_cents));
    say(`   POST /orders/import: ${orders.length} orders, each in a transaction of its own`);
    // The process dies, so there is no answer to wait for.
    void service.post('/orders/import').catch(() => undefined);

    const progress = this.progress();
    const caught = await until('a job waits for the mail server', 30, () => {
      const records = this.records();
      progress(records);
      return records.orders.length > KILL_AFTER_ORDERS ? this.waitingForMail(records) : undefined;
    });
    await service.kill();
    say(`   process ${service.pid} was killed with SIGKILL`);
    return this.stillWaiting(caught);
  }

  /** A job whose e-mail is written but whose step's success is not stored yet: the step is running. */
  private waitingForMail({ jobs }: ShopRecords): JobRecord | undefined {
    return jobs.find(
      ({ orderNumber, status, stepIndex }) =>
        status === 'submitted' && stepIndex === MAIL_STEP && existsSync(this.emailOf(orderNumber)),
    );
  }

  /** Usually the same job. The observed job may have continued before the signal arrived. */
  private stillWaiting(seen: JobRecord): JobRecord {
    const records = this.records();
    const same = records.jobs.find(({ orderNumber }) => orderNumber === seen.orderNumber);
    const caught =
      same?.status === 'submitted' && same.stepIndex === MAIL_STEP ? same : this.waitingForMail(records);
    if (!caught) throw new Error('The process died between two steps: run the demonstration again');
    return caught;
  }

  private async reportRemains(caught: JobRecord): Promise<Email[]> {
    const { orders, jobs } = this.records();
    const done = jobs.filter(({ status }) => status === 'succeeded').length;
    const at = STEPS.map((step, index) => {
      const count = jobs.filter(
        ({ status, stepIndex }) => status === 'submitted' && stepIndex === index,
      ).length;
      return `${count} at ${step}`;
    });
    say(`   It left ${orders.length} orders: ${done} jobs are done, ${at.join(', ')}.`);
    say(
      `   Order ${caught.orderNumber} among them: its e-mail is written, and nobody knows that the step is done.`,
    );
    return readEmails(outboxIn(this.folder));
  }

  private async finish(service: ServiceProcess, caught: JobRecord): Promise<void> {
    const { body } = await service.post<ImportResult>('/orders/import');
    const { placed, skipped, rejected } = body;
    say(`   POST /orders/import: ${placed} more placed, ${skipped} were there, ${rejected.length} rejected`);
    say('   It takes over the jobs of the dead process when their leases end, at most 5 s after the kill.');
    const progress = this.progress();
    await until('all jobs are done', 45, () => {
      const records = this.records();
      progress(records);
      return records.jobs.every(({ status }) => status !== 'submitted') || undefined;
    });
    say(`   Order ${caught.orderNumber} went on where it was:`);
    await this.showJob(service, caught.orderNumber, MAIL_STEP);
  }

  private async showJob(service: ServiceProcess, orderNumber: string, killedAt?: number): Promise<void> {
    const { job } = await service.get<OrderView>(`/orders/${orderNumber}`);
    for (const [index, { name, status, attempts }] of job.steps.entries()) {
      const remark = index === killedAt ? '  <- killed, and begun again' : '';
      say(`     ${index + 1} ${name.padEnd(25)}${status}, attempts: ${attempts}${remark}`);
    }
  }

  /** Reports progress from time to time. */
  private progress(): (records: ShopRecords) => void {
    let reported = this.doneIn(this.records());
    return (records) => {
      const done = this.doneIn(records);
      if (done < reported + REPORT_EVERY_JOBS) return;
      reported = done;
      const [orders, webhooks] = [records.orders.length, records.deliveries.length];
      say(`   ${pad(orders)} orders placed, ${pad(webhooks)} webhooks received, ${pad(done)} jobs done`);
    };
  }

  private doneIn({ jobs }: ShopRecords): number {
    return jobs.filter(({ status }) => status === 'succeeded').length;
  }

  private records(): ShopRecords {
    return readRecords(databaseIn(this.folder));
  }

  private emailOf(orderNumber: string): string {
    return join(outboxIn(this.folder), `order.${orderNumber}.${MAIL_STEP}.eml`);
  }
}

const CUSTOMER = {
  customerName: 'Ada Brandt',
  customerEmail: 'ada.brandt@example.com',
  street: 'Ahornweg 7',
  postalCode: '04109',
  city: 'Leipzig',
  country: 'DE',
};

/** Every demonstration starts with an empty shop. Only its own folder is emptied. */
async function freshFolder(given: string | undefined): Promise<string> {
  const folder = given ?? DEFAULT_FOLDERS.demonstration;
  if (given === undefined) await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  if ((await readdir(folder)).length > 0) throw new Error(`The folder ${folder} is not empty`);
  return folder;
}

function heading(text: string): void {
  say(`\n${text}`);
}

function say(text: string): void {
  console.log(text);
}

function pad(count: number): string {
  return String(count).padStart(4);
}
