import { relative } from 'node:path';
import { databaseIn, FIXTURES, mailboxIn } from '../config/shop.config.js';
import { readOrderCsv } from '../orders/order-csv.js';
import { gatherEvidence } from './audit.js';
import { readEmails, type Email } from './emails.js';
import type { MailServer } from './mail-server.js';
import { ServiceProcess } from './service-process.js';
import { readRecords, type JobRecord, type ShopRecords } from './shop-records.js';
import { summarize } from './summary.js';
import { heading, pad, say } from './terminal.js';
import { until } from './until.js';

const STEPS = ['reserve-stock', 'send-order-confirmation', 'stepping.http-request'];
const MAIL_STEP = 1;
/** After so many e-mails of the file the mail server falls silent. */
const SILENT_AFTER_EMAILS = 100;
const KILL_AT_UNANSWERED = 3;
/** Reading all tables takes its time; the service needs it more. */
const LOOK_EVERY_MS = 100;
const REPORT_EVERY_JOBS = 30;

interface OrderView {
  readonly job: {
    readonly status: string;
    readonly error: string | null;
    readonly steps: readonly { readonly name: string; readonly status: string; readonly attempts: number }[];
  };
}

interface ImportResult {
  readonly placed: number;
  readonly skipped: number;
  readonly rejected: readonly unknown[];
}

/** The demonstration, with its output in the terminal. */
export class Demonstration {
  /** Orders that the shop has accepted so far, with totals in cents. */
  private readonly accepted = new Map<string, number>();

  constructor(
    private readonly folder: string,
    private readonly port: number,
    private readonly mailServer: MailServer,
  ) {}

  /** @returns the exit code. */
  async run(): Promise<number> {
    say('nestjs-stepping, sample 01: a small order service');

    heading('1. The service starts');
    let service = await this.start();
    say(`   its dashboard is at ${service.dashboard} while it runs`);
    say(`   it sends mail through ${this.mailServer.url}, which this demonstration brings along`);
    say(`   its data and its log are in ${relative(process.cwd(), this.folder) || '.'}`);

    heading('2. An order over HTTP');
    await this.placeOne(service);

    heading('3. An order whose transaction is rolled back');
    await this.placeTooMuch(service);

    heading('4. A mail server that refuses');
    await this.beRefused(service);

    heading('5. Orders from a CSV file, and SIGKILL in the middle');
    const caught = await this.importAndKill(service);
    this.reportRemains(caught);

    heading('6. The service starts again');
    service = await this.start();
    await this.finish(service, caught);

    heading('7. What the database, the mail server and the files say');
    await service.stop();
    const { lines, exitCode } = summarize(await gatherEvidence(this.folder, this.accepted));
    for (const line of lines) say(line);
    say('\nTo look at these jobs in the dashboard, start the service on them and open its address:');
    say(`   DATA_FOLDER=${relative(process.cwd(), this.folder)} npm run start:service`);
    return exitCode;
  }

  private async start(): Promise<ServiceProcess> {
    const service = await ServiceProcess.start(this.folder, this.port, this.mailServer.url);
    say(`   process ${service.pid} serves ${service.url}`);
    return service;
  }

  private async placeOne(service: ServiceProcess): Promise<void> {
    const number = await this.place(service, 'W-20001', CUSTOMER.customerEmail);
    await this.untilJob(number, 'succeeded');
    await this.showJob(service, number);
    say('   The mail server has:');
    const [email] = (await this.mailbox()).filter(({ orderNumber }) => orderNumber === number);
    if (!email) throw new Error(`The mail server has no e-mail of order ${number}`);
    const { messageId, to, subject, text } = email;
    const head = [`Message-ID: ${messageId}`, `To: ${to}`, `Subject: ${subject}`, ''];
    for (const line of [...head, ...text.trimEnd().split('\r\n')]) say(`     | ${line}`.trimEnd());
  }

  private async place(service: ServiceProcess, number: string, customerEmail: string): Promise<string> {
    const { status, body } = await service.send<{ totalCents: number }>('POST', '/orders', {
      ...CUSTOMER,
      customerEmail,
      number,
      lines: [
        { sku: 'TEA-SEN-100', quantity: 2 },
        { sku: 'POT-TEA-800', quantity: 1 },
      ],
    });
    say(`   POST /orders, order ${number} -> ${status}: stored, and its job with it`);
    if (status !== 201) throw new Error(`Order ${number} should have been accepted`);
    this.accepted.set(number, body.totalCents);
    return number;
  }

  private async placeTooMuch(service: ServiceProcess): Promise<void> {
    const number = 'W-20002';
    const { status, body } = await service.send<{ message: string }>('POST', '/orders', {
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
    const emails = await this.mailbox();
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

  /** A refusal for now, which a retry gets over, and one for good, which needs a person. */
  private async beRefused(service: ServiceProcess): Promise<void> {
    const later = { code: 451, text: '4.7.1 Greylisted, come back later', times: 1 };
    this.mailServer.refuse('cleo.marsh@example.net', later);
    const first = await this.place(service, 'W-20003', 'cleo.marsh@example.net');
    await this.untilJob(first, 'succeeded');
    say(`   The mail server said ${later.code} ${later.text}; the step was tried again:`);
    await this.showJob(service, first);

    this.mailServer.refuse('cleo.mash@example.net', {
      code: 550,
      text: '5.1.1 No such mailbox',
      times: Infinity,
    });
    const second = await this.place(service, 'W-20004', 'cleo.mash@example.net');
    await this.untilJob(second, 'failed');
    const { job } = await service.get<OrderView>(`/orders/${second}`);
    say(`   Its job has ${job.status}, without another attempt: ${job.error?.split('\n')[0]}`);
    await this.showJob(service, second);
    const { status } = await service.send('PATCH', `/orders/${second}`, {
      customerEmail: 'cleo.marsh@example.net',
    });
    say(`   PATCH /orders/${second}, with the right address -> ${status}: the job goes on where it was`);
    await this.untilJob(second, 'succeeded');
    await this.showJob(service, second);
  }

  /** Kills the service while a step is known to be running. Returns the job of that step. */
  private async importAndKill(service: ServiceProcess): Promise<JobRecord> {
    const orders = (await readOrderCsv(FIXTURES.orders)).map((rows) => rows[0]!);
    for (const { order_number, total_cents } of orders) this.accepted.set(order_number, Number(total_cents));
    say(`   POST /orders/import: ${orders.length} orders, each in a transaction of its own`);
    this.mailServer.fallSilentAfter(SILENT_AFTER_EMAILS);
    // The process dies, so there is no answer to wait for.
    void service.send('POST', '/orders/import').catch(() => undefined);

    const progress = this.progress();
    const caught = await until(
      'a job waits for the mail server',
      120,
      async () => {
        const records = this.records();
        progress(records);
        return this.mailServer.unanswered.length < KILL_AT_UNANSWERED
          ? undefined
          : this.waitingForMail(records);
      },
      LOOK_EVERY_MS,
    );
    await service.kill();
    this.mailServer.speakAgain();
    say(`   process ${service.pid} was killed with SIGKILL`);
    return caught;
  }

  /** A job whose e-mail the mail server has, while the database does not know it: its step is running. */
  private async waitingForMail({ jobs }: ShopRecords): Promise<JobRecord | undefined> {
    const unanswered = (await this.mailbox()).filter(({ file }) => this.mailServer.unanswered.includes(file));
    const received = new Set(unanswered.map(({ orderNumber }) => orderNumber));
    return jobs.find(
      ({ orderNumber, status, stepIndex }) =>
        status === 'submitted' && stepIndex === MAIL_STEP && received.has(orderNumber),
    );
  }

  private reportRemains(caught: JobRecord): void {
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
      `   Order ${caught.orderNumber} among them: its e-mail is sent, and nobody knows that the step is done.`,
    );
  }

  private async finish(service: ServiceProcess, caught: JobRecord): Promise<void> {
    const { body } = await service.send<ImportResult>('POST', '/orders/import');
    const { placed, skipped, rejected } = body;
    say(`   POST /orders/import: ${placed} more placed, ${skipped} were there, ${rejected.length} rejected`);
    say('   It takes over the jobs of the dead process when their leases end, at most 5 s after the kill.');
    const progress = this.progress();
    await until(
      'all jobs are done',
      120,
      () => {
        const records = this.records();
        progress(records);
        return records.jobs.every(({ status }) => status !== 'submitted') || undefined;
      },
      LOOK_EVERY_MS,
    );
    say(`   Order ${caught.orderNumber} went on where it was:`);
    await this.showJob(service, caught.orderNumber, MAIL_STEP);
  }

  private async untilJob(number: string, status: string): Promise<void> {
    await until(`the job of order ${number} has ${status}`, 60, () =>
      this.records().jobs.find((job) => job.orderNumber === number && job.status === status),
    );
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

  /** What the mail server has accepted. */
  private mailbox(): Promise<Email[]> {
    return readEmails(mailboxIn(this.folder));
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
