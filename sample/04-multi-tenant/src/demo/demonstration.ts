import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { INestApplicationContext, LogLevel } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppModule } from '../app.module.js';
import type { DeathMoment } from '../config/platform.config.js';
import { InvoicesService } from '../invoices/invoices.service.js';
import { TenantsService } from '../tenants/tenants.service.js';
import { audit } from './audit.js';
import { readRecords } from './platform-records.js';
import { until } from './until.js';

const MAIN = fileURLToPath(new URL('../main.js', import.meta.url));

/** Runs the demonstration in the terminal and returns the exit code. A given folder is kept. */
export async function runDemonstration(given?: string): Promise<number> {
  const folder = given ?? (await mkdtemp(join(tmpdir(), 'stepping-tenants-')));
  const demonstration = new Demonstration(folder);
  try {
    await mkdir(folder, { recursive: true });
    return await demonstration.run();
  } catch (error) {
    say(`\nThe demonstration failed: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  } finally {
    await demonstration.close();
    if (given === undefined) await rm(folder, { recursive: true, force: true });
  }
}

class Demonstration {
  /** The job ids of all invoices that must exist at the end. */
  private readonly issued = new Set<string>();

  private platform: INestApplicationContext | undefined;

  constructor(private readonly folder: string) {}

  async close(): Promise<void> {
    await this.platform?.close();
    this.platform = undefined;
  }

  async run(): Promise<number> {
    say('nestjs-stepping, sample 04: a database per tenant, jobs in a central one');

    heading('1. Tenants are made while the platform runs');
    const platform = await this.start();
    for (const tenant of ['acme', 'globex', 'initech']) await platform.get(TenantsService).create(tenant);
    const invoices = platform.get(InvoicesService);
    await Promise.all([
      this.issue(invoices, 'acme', 'R-1001', 119_00),
      this.issue(invoices, 'acme', 'R-1002', 48_50),
      this.issue(invoices, 'globex', 'R-1001', 2_400_00),
      this.issue(invoices, 'initech', 'R-1001', 75_00),
    ]);
    await this.settled([...this.issued], 'succeeded');
    for (const gid of this.issued) this.show(gid);

    heading('2. A transaction of a tenant that is rolled back');
    const tooMuch = invoices.issue('globex', {
      number: 'R-1002',
      customer: 'Ada Brandt',
      totalCents: 9_000_00,
    });
    const refusal = await tooMuch.then(
      () => Promise.reject(new Error('The invoice should have been refused')),
      (error: Error) => error.message,
    );
    say(`   refused, after its job was started in the transaction: ${refusal}`);
    await this.settled(['globex:R-1002'], 'rolledBack');
    this.show('globex:R-1002');

    heading('3. Processes that die around the COMMIT');
    await this.close();
    await this.dieOver('acme', 'R-1003', 'after-commit');
    this.issued.add('acme:R-1003');
    await this.dieOver('globex', 'R-1003', 'before-commit');
    say('   The central database cannot know which of the two has committed.');

    heading('4. The platform starts again, and asks the database of each tenant');
    const startedAt = performance.now();
    await this.start();
    await this.settled(['acme:R-1003'], 'succeeded');
    await this.settled(['globex:R-1003'], 'rolledBack');
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    for (const gid of ['acme:R-1003', 'globex:R-1003']) this.show(gid);
    say(`   settled ${seconds} s after the start; a prepared job is asked about when it is 5 s old`);
    await this.close();

    heading('5. What the databases say');
    return this.summarize();
  }

  private async start(): Promise<INestApplicationContext> {
    process.env.DATA_FOLDER = this.folder;
    const options = { logger: ['error', 'warn'] as LogLevel[], abortOnError: false };
    this.platform = await NestFactory.createApplicationContext(AppModule, options);
    return this.platform;
  }

  private async issue(
    invoices: InvoicesService,
    tenant: string,
    number: string,
    totalCents: number,
  ): Promise<void> {
    this.issued.add(`${tenant}:${number}`);
    await invoices.issue(tenant, { number, customer: 'Ada Brandt', totalCents });
  }

  /** Issues an invoice in a process that does not survive it. */
  private async dieOver(tenant: string, number: string, moment: DeathMoment): Promise<void> {
    const child = spawn(process.execPath, [MAIN, 'issue', tenant, number, '31000'], {
      env: { ...process.env, DATA_FOLDER: this.folder, DIE_AT: moment, RUN_STEPS: 'false' },
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    process.once('exit', () => child.kill('SIGKILL'));
    const [, signal] = (await once(child, 'exit')) as [number | null, string | null];
    if (signal !== 'SIGKILL') throw new Error(`Process ${child.pid} should have died ${moment}`);
    say(`   process ${child.pid} died by SIGKILL, ${moment.replace('-', ' its ')}:`);
    this.show(`${tenant}:${number}`);
  }

  private async settled(gids: readonly string[], status: string): Promise<void> {
    await until(`${gids.join(' and ')} are ${status}`, 60, async () => {
      const { jobs } = readRecords(this.folder);
      const statuses = gids.map((gid) => jobs.find((job) => job.gid === gid)?.status);
      return statuses.every((found) => found === status) || undefined;
    });
  }

  /** The state of an invoice in the tenant's database and in the central one. */
  private show(gid: string): void {
    const { tenants, jobs } = readRecords(this.folder);
    const [tenant, number] = gid.split(':');
    const { invoices, dispatches } = tenants.find(({ name }) => name === tenant)!;
    const stored = invoices.some((invoice) => invoice.number === number) ? 'stored' : 'not stored';
    const sent = dispatches.some(({ invoiceNumber }) => invoiceNumber === number) ? 'sent' : 'not sent';
    const status = jobs.find((job) => job.gid === gid)?.status ?? 'none';
    say(`     ${gid.padEnd(16)}invoice ${stored}, ${sent}; job ${status}`);
  }

  private summarize(): number {
    const records = readRecords(this.folder);
    const differences = audit(records, this.issued);
    for (const { name, turnoverCents, invoices, dispatches } of records.tenants) {
      const turnover = (turnoverCents / 100).toFixed(2);
      say(
        `   ${name.padEnd(10)}${invoices.length} invoices, ${dispatches.length} sent, turnover ${turnover} EUR`,
      );
    }
    const count = (status: string): number => records.jobs.filter((job) => job.status === status).length;
    say(`   ${'central'.padEnd(10)}${count('succeeded')} jobs succeeded, ${count('rolledBack')} rolled back`);
    say(`   differences: ${differences.length}`);
    for (const difference of differences) say(`     - ${difference}`);
    if (differences.length > 0) return 1;
    say('\nEvery invoice that was committed is sent and counted once; what was rolled back ran nothing.');
    return 0;
  }
}

function heading(text: string): void {
  say(`\n${text}`);
}

function say(text: string): void {
  console.log(text);
}
