import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pg from 'pg';
import { beforeAll, describe, expect, it } from 'vitest';
import { audit } from '../../sample/02-postgres-workers/src/demo/audit.js';
import { describeBackends } from '../support/database.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const main = join(root, 'build/test/02-postgres-workers/main.js');
const run = promisify(execFile);
const limit = 120_000;

beforeAll(async () => {
  if (!existsSync(join(root, 'dist/index.js'))) throw new Error('dist is missing: run "npm run build" first');
  const build = ['-p', 'sample/02-postgres-workers/tsconfig.json'];
  const outDir = ['--outDir', 'build/test/02-postgres-workers'];
  await run(process.execPath, ['node_modules/typescript/bin/tsc', ...build, ...outDir], { cwd: root });
}, limit);

describeBackends(
  'sample/02-postgres-workers',
  () => {
    /** What the demonstration has printed. */
    let printed = '';

    beforeAll(async () => {
      // Any exit code but 0 rejects, with what was printed.
      printed = (await run(process.execPath, [main, 'demo'], { timeout: limit - 20_000 })).stdout;
    }, limit);

    it('goes on after a worker was killed, loses nothing and leaves no schema behind', async () => {
      const [, open] =
        /killed with SIGKILL, \d+ labels in its printer;\n +(\d+) of 61 jobs/.exec(printed) ?? [];
      expect(Number(open)).toBeGreaterThan(0);
      expect(printed).toMatch(/again\n +the first one \d+\.\d s after the kill/);
      expect(printed).toMatch(/\n +jobs +106 .*\n +bookings +106 .*\n +labels +106 .*\n +differences +0\n/);
      const [, repeated] = /\nLost: nothing\.[^]*\nRepeated: (\d+) labels/.exec(printed) ?? [];
      expect(Number(repeated)).toBeGreaterThan(0);
      expect(await schemas()).toEqual([]);
    });

    it('shows the trace of a request over two processes', () => {
      const [, request, start, ...attempts] =
        new RegExp(
          [
            / POST \/parcels +SERVER +(\d+) .*\n/,
            / └─ start book-carrier +PRODUCER +(\d+) .*\n/,
            / {4}├─ process book-carrier +CONSUMER +(\d+) .*\n/,
            / {4}└─ process print-label +CONSUMER +(\d+) .*\n/,
          ]
            .map(({ source }) => source)
            .join(' *'),
        ).exec(printed) ?? [];
      const [, api] = /process (\d+) answers requests/.exec(printed) ?? [];
      expect([request, start]).toEqual([api, api]);
      const workers = [...printed.matchAll(/process (\d+) is a worker/g)].map(([, pid]) => pid);
      expect(workers).toEqual(expect.arrayContaining(attempts));
    });

    it('sees in the API that the killed worker is gone, and nobody else', () => {
      const [, killed] = /process (\d+) was killed/.exec(printed) ?? [];
      const seen = [...printed.matchAll(/\n +process (\d+) +(alive|gone|stopping) +runs/g)];
      expect(seen).toHaveLength(3);
      for (const [, pid, state] of seen) expect(state).toBe(pid === killed ? 'gone' : 'alive');
    });

    it('books carriers while the labels are paused, and prints them after the resume', () => {
      expect(printed).toMatch(/5 more parcels: 5 carriers are booked, 0 labels are printed\n/);
      expect(printed).toMatch(/\/explanation: PAUSED\n.*ada@depot\.example.*The labels are sold out/);
      expect(printed).toMatch(/resume: 5 labels are printed, the first one begun \d+ ms after it/);
    });

    it('retries what failed in an outage, no faster than it was told', () => {
      expect(printed).toMatch(/40 jobs failed at print-label: PrinterOutOfOrderError: .*paper jam\n/);
      expect(printed).toMatch(/spread over 4 s:\n +40 jobs found, 40 retried\n/);
      const counts = [...printed.matchAll(/\n +\d+\. +(\d+) +#*/g)].map(([, count]) => Number(count));
      let begun = 0;
      for (const [second, count] of counts.entries()) {
        begun += count;
        // Ten are due in each second. A busy machine may be late, but nothing begins before it is due.
        expect(begun).toBeLessThanOrEqual(10 * (second + 1));
      }
      expect(begun).toBe(40);
    });

    it('lists who has paused, resumed and retried', () => {
      expect(printed).toMatch(
        /ada@\S+ +pause print-label +".*\n.*ada@\S+ +resume print-label +".*\n.*grace@\S+ +retry 40 jobs +"The printer is repaired"\n/,
      );
    });
  },
  ['postgres'],
);

describe('sample/02-postgres-workers without PostgreSQL', () => {
  it('says so, and ends with exit code 2', async () => {
    const env = { ...process.env, DATABASE_URL: 'postgres://postgres@127.0.0.1:1/test' };
    await expect(run(process.execPath, [main, 'demo'], { env })).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^This sample needs PostgreSQL[^]*Set DATABASE_URL/),
    });
  });
});

describe('its audit', () => {
  const at = new Date(0);
  const run = { parcelNumber: 'P-1', idempotencyKey: 'k', attempt: 1, pid: 2, startedAt: at, finishedAt: at };
  const booking = { parcelNumber: 'P-1', pid: 2, bookedAt: at };
  const records = {
    parcels: [{ number: 'P-1', registeredAt: at }],
    bookings: [booking],
    labelRuns: [{ ...run, finishedAt: null }, run],
    jobs: [{ parcelNumber: 'P-1', status: 'succeeded' }],
  };
  const seen = (changed: Partial<typeof records>): string =>
    audit({ records: { ...records, ...changed }, accepted: new Set(['P-1']), apiPid: 1 }).join('\n');

  it('sees what is lost, doubled or done by the wrong process', () => {
    expect(seen({})).toBe('');
    expect(seen({ parcels: [] })).toMatch(/was accepted and is not in the database/);
    expect(seen({ jobs: [] })).toMatch(/job of parcel P-1 is missing/);
    expect(seen({ bookings: [booking, booking] })).toMatch(/has 2 bookings/);
    expect(seen({ labelRuns: [{ ...run, finishedAt: null }] })).toMatch(/has no label/);
    expect(seen({ labelRuns: [run, { ...run, idempotencyKey: 'other' }] })).toMatch(/2 different keys/);
    expect(seen({ bookings: [{ ...booking, pid: 1 }] })).toMatch(/API process has run 1 steps/);
  });
});

async function schemas(): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: process.env.DATABASE_URL });
  await client.connect();
  try {
    const like = `SELECT nspname FROM pg_namespace WHERE nspname LIKE 'stepping\\_sample\\_02\\_%'`;
    return (await client.query(like)).rows;
  } finally {
    await client.end();
  }
}
