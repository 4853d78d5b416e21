import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { folderOf } from '../../sample/03-dtm/src/config/data-files.js';
import { audit, type Evidence } from '../../sample/03-dtm/src/demo/audit.js';
import { urlsOf, withMariaDb, withPostgres } from '../../sample/03-dtm/src/demo/databases.js';
import { ORDERS_FROM_FILE } from '../../sample/03-dtm/src/demo/demonstration.js';
import { readOrderFile } from '../../sample/03-dtm/src/demo/order-file.js';
import { readRecords, type ShopRecords } from '../../sample/03-dtm/src/demo/shop-records.js';
import { summarize } from '../../sample/03-dtm/src/demo/summary.js';
import { readProductCsv } from '../../sample/03-dtm/src/product-csv.js';
import { dtmSkipReason } from '../support/dtm/dtm-server.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const main = join(root, 'build/test/03-dtm/main.js');
const limit = 120_000;

const skipReason =
  dtmSkipReason('boltdb') ??
  (process.env.DATABASE_URL ? undefined : 'no PostgreSQL: DATABASE_URL is not set') ??
  (process.env.MYSQL_URL ? undefined : 'no MariaDB or MySQL: MYSQL_URL is not set');

describe('sample/03-dtm', () => {
  beforeAll(async () => {
    if (!existsSync(join(root, 'dist/tm/dtm/index.js')))
      throw new Error('dist is missing: run "npm run build" first');
    // Beside the sample's usual place, so that a demonstration that somebody looks at goes on undisturbed.
    const build = ['-p', 'sample/03-dtm/tsconfig.json', '--outDir', 'build/test/03-dtm'];
    await promisify(execFile)(process.execPath, ['node_modules/typescript/bin/tsc', ...build], { cwd: root });
  }, limit);

  it('says which servers are missing, without their passwords, and ends with 2', async () => {
    const { output, exitCode } = await demonstrate(randomName(), {
      DATABASE_URL: 'postgres://someone:hidden@127.0.0.1:1/shop',
      MYSQL_URL: 'mysql://someone:hidden@127.0.0.1:1/shop',
      DTM_URL: '',
      DTM_BIN: '/no/such/dtm',
    });
    expect(exitCode, output).toBe(2);
    expect(output).toMatch(/\n {2}- DTM: .*\/no\/such\/dtm \(DTM_BIN\).*node scripts\/build-dtm\.mjs/);
    expect(output).toMatch(
      /\n {2}- PostgreSQL: postgres:\/\/127\.0\.0\.1:1\/shop .*\(DATABASE_URL\): ECONNREFUSED/,
    );
    expect(output).toMatch(
      /\n {2}- MariaDB or MySQL: mysql:\/\/127\.0\.0\.1:1\/shop .*\(MYSQL_URL\): ECONNREFUSED/,
    );
    expect(output).not.toMatch(/hidden/);
  });

  if (skipReason) describe.skip(`its demonstration (skipped: ${skipReason})`, demonstration);
  else describe('its demonstration', demonstration);
});

function demonstration(): void {
  const name = randomName();
  let output: string;
  let exitCode: number | null;
  let evidence: Evidence;

  beforeAll(async () => {
    ({ output, exitCode } = await demonstrate(name, {}));
    evidence = await gatherEvidence(name);
  }, limit);

  afterAll(async () => {
    await withPostgres(process.env.DATABASE_URL!, (client) =>
      client.query(`DROP DATABASE IF EXISTS "${name}_orders" WITH (FORCE)`),
    );
    await withMariaDb(process.env.MYSQL_URL!, (connection) =>
      connection.query(`DROP DATABASE IF EXISTS \`${name}_stock\``),
    );
    await rm(folderOf(name), { recursive: true, force: true });
  });

  it('ends by itself, and says what was lost and what was repeated', () => {
    expect(exitCode, output).toBe(0);
    expect(output).toMatch(/W-20002 -> 422[^]*At DTM the job is: failed\n.*0 orders .*, 0 stock movements/);
    expect(output).toMatch(/was killed with SIGKILL/);
    expect(output).toMatch(
      /\n +3 orders are committed, and DTM has not heard of it: [A-Z]-\d+, [A-Z]-\d+, [A-Z]-\d+\n/,
    );
    expect(output).toMatch(/committed and not submitted: succeed, succeed, succeed\n/);
    expect(output).toMatch(/whose transactions died: +failed, failed\n/);
    expect(output).toMatch(/\n +orders accepted +101\n +orders +101 .*\n +invoices +101 .*\n/);
    expect(output).toMatch(/\n +jobs of orders +101 .*\n[^]*\n +differences +0\n\nLost: nothing\./);
    const [, repeated] = /\n +(\d+) reservation requests \(/.exec(output) ?? [];
    expect(Number(repeated)).toBeGreaterThan(0);
    expect(output).toMatch(/\n +0 stock movements \([^\n]*\n +0 invoices \([^\n]*\n$/);
  });

  it('leaves no process behind', () => {
    const pids = [...output.matchAll(/process (\d+)/g)].map(([, pid]) => Number(pid));
    expect(pids.length).toBeGreaterThanOrEqual(4);
    for (const pid of pids) expect(() => process.kill(pid, 0), `process ${pid}`).toThrow(/ESRCH/);
  });

  describe('and its audit', () => {
    it('has nothing to say of what the demonstration left', () => {
      expect(audit(evidence)).toEqual([]);
      expect(summarize(evidence, 0).exitCode).toBe(0);
    });

    it('sees a reservation that was lost', () => {
      const differences = auditWith({
        movements: evidence.records.movements.filter(({ orderNumber }) => orderNumber !== 'W-20001'),
      });
      expect(differences).toContain('There are 0 stock movements for order W-20001, TEA-SEN-100.');
      expect(differences).toContainEqual(
        expect.stringMatching(/pieces of TEA-SEN-100 are in stock: it should/),
      );
    });

    it('sees a reservation that was made twice', () => {
      const again = evidence.records.movements.filter(({ orderNumber }) => orderNumber === 'W-20001');
      const differences = auditWith({ movements: [...evidence.records.movements, ...again] });
      expect(differences).toContain('There are 2 stock movements for order W-20001, TEA-SEN-100.');
    });

    it('sees a reservation for an order that was rolled back', () => {
      const { movements, reservations } = evidence.records;
      const differences = auditWith({
        movements: [...movements, { orderNumber: 'W-20002', sku: 'GRI-EL-60', reserved: 0, backOrdered: 40 }],
        reservations: [...reservations, { idempotencyKey: 'rolled-back:0', timesReceived: 1 }],
      });
      expect(differences).toEqual([
        'The stock service was asked to reserve by job rolled-back, which has no order.',
        'There is a stock movement for W-20002, GRI-EL-60, which nobody ordered.',
      ]);
    });

    it('sees a report that was lost', () => {
      const [line, ...others] = evidence.records.lines;
      expect(auditWith({ lines: [{ ...line!, reserved: null }, ...others] })).toEqual([
        expect.stringMatching(/ has no pieces reserved: the stock service has \d+\.$/),
      ]);
    });

    it('sees invoices that are missing or doubled', () => {
      const [invoice, second, ...others] = evidence.records.invoices;
      expect(auditWith({ invoices: [invoice!, invoice!, ...others] }).toSorted()).toEqual(
        [
          `Order ${invoice!.orderNumber} has 2 invoices.`,
          `Order ${second!.orderNumber} has 0 invoices.`,
        ].toSorted(),
      );
    });

    it('sees an order that was accepted and lost, and one that was never accepted', () => {
      const accepted = new Map([...evidence.accepted, ['W-29999', 1]] as const);
      accepted.delete('W-20001');
      expect(audit({ ...evidence, accepted })).toEqual([
        'Order W-29999 was accepted and is not in the database.',
        'Order W-20001 is in the database and was never accepted.',
      ]);
    });

    it('sees a job that is not done, and one that runs without an order', () => {
      const { number, jobGid } = evidence.records.orders[0]!;
      const jobs = new Map([...evidence.jobs, [jobGid, 'submitted'], ['other', 'succeed']] as const);
      const different = { ...evidence, jobs };
      expect(audit(different)).toEqual([
        `The job of order ${number} is submitted at DTM.`,
        'Job other belongs to no order and is succeed at DTM.',
      ]);
      expect(summarize(different, 0).exitCode).toBe(1);
      expect(summarize(different, 0).lines.join('\n')).not.toMatch(/Lost: nothing/);
    });

    function auditWith(records: Partial<ShopRecords>): readonly string[] {
      return audit({ ...evidence, records: { ...evidence.records, ...records } });
    }
  });
}

/** What the demonstration left; its DTM server is gone, and has said that all jobs have ended. */
async function gatherEvidence(name: string): Promise<Evidence> {
  const records = await readRecords(urlsOf(name));
  const orders = await readOrderFile(ORDERS_FROM_FILE);
  const accepted = new Map(orders.map(({ body, totalCents }) => [body.number, totalCents]));
  // 2 x 9.90 and 54.90, placed one by one.
  accepted.set('W-20001', 7470);
  const products = await readProductCsv();
  return {
    records,
    stock: new Map(products.map(({ sku, stock }) => [sku, stock])),
    accepted,
    jobs: new Map(records.orders.map(({ jobGid }) => [jobGid, 'succeed'])),
  };
}

function demonstrate(
  name: string,
  env: Readonly<Record<string, string>>,
): Promise<{ output: string; exitCode: number | null }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [main, 'demo', name], {
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

function randomName(): string {
  return `stepping_sample_${randomBytes(6).toString('hex')}`;
}
