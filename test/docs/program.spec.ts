import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { statusText } from '../../lib/cli/commands/status.command.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { runProgramHere } from '../support/program.js';
import { count, overview } from '../unit/program/support.js';
import { root } from './entry-points.js';

const text = readFileSync(join(root, 'docs/program.md'), 'utf8');
const WIDTH = 128;

/** Puts what the program prints now into the page, instead of comparing it. */
const writes = process.env.STEPPING_WRITE_EXAMPLES !== undefined;

/** The blocks of a command and its output. */
const blocks = [...text.matchAll(/^```console\n\$ npx nestjs-stepping (.*)\n([^]*?)^```$/gm)].map(
  ([, command, output]) => ({ command: command!, output: output! }),
);

let database: TestDatabase;

beforeAll(async () => {
  database = await createDatabase('sqlite');
  await runProgramHere(['migrate', '--url', database.url]);
  const steps = JSON.stringify([
    { step: 'reserve-stock', args: { orderId: 7 } },
    { step: 'charge-card', args: { orderId: 7 } },
    { step: 'send-email' },
  ]);
  const now = Date.now();
  const insert = (gid: string, values: Readonly<Record<string, unknown>>) =>
    write('stepping_jobs', { gid, steps, attempts: 0, created_at: now - 600_000, ...values });
  const write = (table: string, row: Readonly<Record<string, unknown>>) => {
    const names = Object.keys(row);
    const sql = `INSERT INTO ${table} (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`;
    return database.query(sql, Object.values(row));
  };
  // The worker of the example lives for as long as the test.
  await write('stepping_processes', {
    ...{
      id: 'aGVsbG8tdGhl',
      name: 'worker-1:41',
      host: 'worker-1',
      pid: 41,
      version: '0.1.0',
      state: 'alive',
    },
    ...{ runs_steps: 1, started_at: now, seen_at: now + 60_000, recovered_at: now + 60_000 },
    ...{ concurrency: 32, running: 0, waiting: 0, busy: '[]' },
    steps: JSON.stringify(['reserve-stock', 'charge-card', 'send-email']),
  });
  await insert('0198c3a4-5b10-7d1e-9f00-2b6a1c4e8d11', {
    ...{ status: 'submitted', step_index: 1, step_name: 'charge-card', attempts: 2, due_at: now + 250_000 },
    error: 'Error: the bank did not answer within 5 s\n    at ChargeCard.execute',
  });
  await insert('0198c3a4-5b20-7d1e-9f00-2b6a1c4e8d12', {
    ...{ status: 'failed', step_index: 1, step_name: 'charge-card', attempts: 5, ended_at: now - 60_000 },
    error: 'UnrecoverableStepError: card declined',
  });
  await insert('0198c3a4-5b30-7d1e-9f00-2b6a1c4e8d13', {
    ...{ status: 'submitted', step_index: 0, step_name: 'reserve-stokc', due_at: now - 590_000 },
  });
});
afterAll(() => database.drop());

/** What the example shows of the fleet: the numbers of a moment, rendered by the program. */
function exampleStatus(): string {
  return statusText(
    overview({
      due: count(12),
      oldestDueMs: 3200,
      held: count(24),
      waiting: count(310),
      prepared: count(1),
      failed: count(10_000, true),
      running: 21,
      processes: 3,
      lastMinute: { succeeded: 4180, failed: 12, gaveUp: 2, jobsSucceeded: 1395 },
      paused: {
        'charge-card': {
          kind: 'pause',
          reason: 'the bank is down',
          by: 'ada',
          since: new Date('2026-03-01T09:20:00Z'),
          until: new Date('2026-03-01T09:50:00Z'),
        },
      },
    }),
    WIDTH,
  ).join('\n');
}

/** Without times, and without where lines are broken for their sake. */
function comparable(output: string): string {
  return output
    .replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ/g, 'TIME')
    .replace(/\b\d+\s+(?:ms|s|min|h)(?:\s+\d+\s+(?:s|min|h))?(?=\s+ago|,|\)|\.)/g, 'SPAN')
    .replace(/\bin\s+\d+\s+min\b/g, 'in SPAN')
    .replace(/\s+/g, ' ')
    .trim();
}

function writeExample(command: string, shown: string): void {
  const page = join(root, 'docs/program.md');
  const head = '```console\n$ npx nestjs-stepping ' + command + '\n';
  const current = readFileSync(page, 'utf8');
  const start = current.indexOf(head) + head.length;
  writeFileSync(page, `${current.slice(0, start)}${shown}\n${current.slice(current.indexOf('```', start))}`);
}

it('shows the commands that operators look at most', () => {
  expect(blocks.map(({ command }) => command.split(' ')[0])).toEqual([
    '--help',
    'status',
    'list',
    'explain',
    'doctor',
  ]);
});

it.each(blocks)('$command prints what the page shows', async ({ command, output }) => {
  const terminal = { width: WIDTH, env: { STEPPING_URL: database.url } };
  const shown =
    command === 'status' ? exampleStatus() : (await runProgramHere(command.split(' '), terminal)).stdout;
  if (writes) return writeExample(command, shown.trimEnd());
  expect(comparable(output)).toBe(comparable(shown));
});

it('lists every code of explain()', () => {
  const source = readFileSync(join(root, 'lib/core/jobs/job-operations.ts'), 'utf8');
  const [, union] = /export type JobReasonCode =([^;]*);/.exec(source)!;
  const codes = [...union!.matchAll(/'([A-Z_]+)'/g)].map(([, code]) => code!);
  const listed = [...text.matchAll(/^\| (`[A-Z_]+`(?:, `[A-Z_]+`)*) /gm)].flatMap(([, cell]) =>
    [...cell!.matchAll(/`([A-Z_]+)`/g)].map(([, code]) => code!),
  );
  expect(codes.length).toBeGreaterThan(10);
  expect(listed.toSorted()).toEqual(codes.toSorted());
});
