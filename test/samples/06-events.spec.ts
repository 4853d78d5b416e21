import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { connect, type Channel } from 'amqplib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULTS } from '../../sample/06-events/src/config/defaults.js';
import { audit, type Evidence } from '../../sample/06-events/src/demo/audit.js';
import { readOrderFile } from '../../sample/06-events/src/demo/order-file.js';
import { readRecords, type Records } from '../../sample/06-events/src/demo/records.js';
import { summarize } from '../../sample/06-events/src/demo/summary.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const main = join(root, 'build/test/06-events/main.js');
const limit = 180_000;

const brokerUrl = process.env.RABBITMQ_URL ?? DEFAULTS.brokerUrl;
const skipReason = await withChannel(async () => undefined).catch(
  (error: Error) => `no RabbitMQ at RABBITMQ_URL, or its usual port: ${error.message}`,
);

let temporary: string;

beforeAll(async () => {
  if (!existsSync(join(root, 'dist/events/index.js')))
    throw new Error('dist is missing: run "npm run build" first');
  temporary = await mkdtemp(join(tmpdir(), 'stepping-events-'));
  // Beside the sample's usual place, so that a demonstration that somebody looks at goes on undisturbed.
  const build = ['-p', 'sample/06-events/tsconfig.json', '--outDir', 'build/test/06-events'];
  await promisify(execFile)(process.execPath, ['node_modules/typescript/bin/tsc', ...build], { cwd: root });
}, limit);

afterAll(() => rm(temporary, { recursive: true, force: true }));

if (skipReason) describe.skip(`sample/06-events (skipped: ${skipReason})`, demonstration);
else describe('sample/06-events', demonstration);

function demonstration(): void {
  let output: string;
  let exitCode: number | null;
  let evidence: Evidence;

  beforeAll(async () => {
    const folder = join(temporary, 'shop');
    ({ output, exitCode } = await demonstrate(folder));
    expect(exitCode, output).toBe(0);
    const orders = await readOrderFile(100);
    const accepted = new Map(orders.map(({ body, totalCents }) => [body.number, totalCents]));
    // 2 x 9.90 and 54.90, placed one by one.
    accepted.set('W-20001', 7470);
    evidence = { records: readRecords(folder), accepted, waiting: 0 };
  }, limit);

  it('ends by itself, and says what was lost and what was repeated', () => {
    expect(output).toMatch(
      /\n +orders accepted +101\n +orders +101 .*\n +events +101 .*\n +events waiting +0 .*\n +invoices +101 .*\n +differences +0\n/,
    );
    expect(output).toMatch(/\nLost: nothing\./);
    const [, events, times] = /\n +(\d+) events \(received (\d+) times more/.exec(output) ?? [];
    expect(Number(events)).toBeGreaterThan(0);
    expect(Number(times)).toBeGreaterThanOrEqual(Number(events));
    expect(output).toMatch(/\n +0 invoices \([^\n]*\n$/);
  });

  it('publishes again what nobody was there for, and nothing of a transaction that is rolled back', () => {
    expect(output).toMatch(
      /W-20001 -> 201.*\n +its event, attempts: \d+\n +EventNotConfirmedError: .*no queue is bound/,
    );
    expect(output).toMatch(/now somebody is there for it: order W-20001 is billed\n/);
    expect(output).toMatch(/W-20002 -> 422[^]*\n +0 orders, 0 events\n/);
  });

  it('accepts orders without a broker, and goes on after a kill', () => {
    expect(output).toMatch(/100 accepted, 60 of them without a broker\n/);
    const [, waiting] = /\n +(\d+) events wait in the database/.exec(output) ?? [];
    expect(Number(waiting)).toBeGreaterThanOrEqual(60);
    const [, billed] = /killed with SIGKILL.*\n +it has left (\d+) invoices/.exec(output) ?? [];
    expect(Number(billed)).toBeGreaterThanOrEqual(50);
    expect(Number(billed)).toBeLessThan(101);
  });

  it('leaves neither a process nor anything in the broker behind', async () => {
    const pids = [...output.matchAll(/process (\d+)/g)].map(([, pid]) => Number(pid));
    expect(new Set(pids).size).toBe(3);
    for (const pid of pids) expect(() => process.kill(pid, 0), `process ${pid}`).toThrow(/ESRCH/);
    const [, exchange, queue] = /exchange, queue +(\S+), (\S+)\n/.exec(output) ?? [];
    await expect(withChannel((channel) => channel.checkQueue(queue!))).rejects.toThrow(/NOT_FOUND/);
    await expect(withChannel((channel) => channel.checkExchange(exchange!))).rejects.toThrow(/NOT_FOUND/);
  });

  describe('and its audit', () => {
    it('has nothing to say of what the demonstration left', () => {
      expect(audit(evidence)).toEqual([]);
      expect(summarize(evidence).exitCode).toBe(0);
    });

    it('sees an order that was not billed, and one that was billed twice', () => {
      const [first, second, ...others] = evidence.records.invoices;
      const invoices = [second!, second!, ...others];
      expect(auditWith({ invoices }).toSorted()).toEqual(
        [
          `Order ${first!.orderNumber} was not billed.`,
          `Order ${second!.orderNumber} was billed 2 times.`,
        ].toSorted(),
      );
      const different = { ...evidence, records: { ...evidence.records, invoices } };
      expect(summarize(different).exitCode).toBe(1);
      expect(summarize(different).lines.join('\n')).not.toMatch(/Lost: nothing/);
    });

    it('sees an invoice with another total, and one for an order that was rolled back', () => {
      const [first, ...others] = evidence.records.invoices;
      const invoices = [{ ...first!, totalCents: 1 }, ...others, { orderNumber: 'W-20002', totalCents: 1 }];
      expect(auditWith({ invoices })).toEqual([
        `An invoice of order ${first!.orderNumber} has another total.`,
        'There is an invoice for order W-20002, which is not in the database.',
      ]);
    });

    it('sees events that are missing, not published, without an order or still in the queue', () => {
      const [first, second, ...others] = evidence.records.events;
      const events = [{ ...second!, status: 'submitted' }, ...others, { ...first!, orderNumber: 'W-20002' }];
      expect(auditWith({ events }).toSorted()).toEqual(
        [
          `Order ${first!.orderNumber} has 0 events.`,
          `The event of order ${second!.orderNumber} is submitted.`,
          'There is an event of order W-20002, which is not in the database.',
        ].toSorted(),
      );
      expect(audit({ ...evidence, waiting: 2 })).toEqual(['2 events are still in the queue.']);
    });

    it('sees an order that was accepted and lost, and one that was never accepted', () => {
      const accepted = new Map([...evidence.accepted, ['W-29999', 1]] as const);
      accepted.delete('W-20001');
      expect(audit({ ...evidence, accepted })).toEqual([
        'Order W-29999 was accepted and is not in the database.',
        'Order W-20001 is in the database and was never accepted.',
      ]);
    });

    function auditWith(records: Partial<Records>): readonly string[] {
      return audit({ ...evidence, records: { ...evidence.records, ...records } });
    }
  });
}

describe('sample/06-events without a broker', () => {
  it.each([
    [
      'amqp://someone:hidden@127.0.0.1:1/shop',
      /amqp:\/\/127\.0\.0\.1:1\/shop cannot be used: .*ECONNREFUSED/,
    ],
    ['amqps://someone:hidden@127.0.0.1', /RABBITMQ_URL is no amqp:\/\/ address/],
  ])('says so for %s, and how to get one, and ends with 2', async (url, reason) => {
    const { output, exitCode } = await demonstrate(join(temporary, 'without'), { RABBITMQ_URL: url });
    expect(exitCode, output).toBe(2);
    expect(output).toMatch(reason);
    expect(output).toMatch(/rabbitmq:4.*\n.*RABBITMQ_URL/);
    expect(output).not.toMatch(/hidden/);
  });
});

function demonstrate(
  folder: string,
  env: Readonly<Record<string, string>> = {},
): Promise<{ output: string; exitCode: number | null }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [main, 'demo', folder], {
      cwd: root,
      env: { ...process.env, ...env },
      timeout: limit - 20_000,
    });
    let output = '';
    child.stdout.on('data', (chunk) => (output += String(chunk)));
    child.stderr.on('data', (chunk) => (output += String(chunk)));
    child.once('error', reject);
    child.once('close', (exitCode) => resolve({ output, exitCode }));
  });
}

async function withChannel<T>(work: (channel: Channel) => Promise<T>): Promise<T> {
  const connection = await connect(brokerUrl, { timeout: 5000 });
  try {
    const channel = await connection.createChannel();
    // What the broker says of a queue that is not there is what the caller gets.
    channel.on('error', () => undefined);
    return await work(channel);
  } finally {
    await connection.close();
  }
}
