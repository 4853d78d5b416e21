import type pg from 'pg';
import { ENTRIES } from '../contenders/entries.ts';
import { ContenderProcess } from '../process/child-process.ts';
import type { RunDatabase } from '../server/databases.ts';

/** The gids of the rows look as if one job had been started per millisecond, long ago. */
const AGE_MS = 3600 * 1000;

/** Jobs as the library would have left them. */
export interface JobRows {
  readonly status: 'submitted' | 'succeeded';
  readonly owner: string | null;
  /** SQL; `n` counts the rows. */
  readonly dueAt: string;
  readonly endedAt: string;
}

export const FINISHED: JobRows = {
  status: 'succeeded',
  owner: 'AAAAAAAAAAAA.1',
  dueAt: 'NULL',
  endedAt: `clock_timestamp() - interval '1 hour'`,
};

export const DELAYED: JobRows = {
  status: 'submitted',
  owner: null,
  dueAt: `clock_timestamp() + interval '1 day' + n * interval '1 millisecond'`,
  endedAt: 'NULL',
};

export const WAITING: JobRows = {
  status: 'submitted',
  owner: null,
  dueAt: 'clock_timestamp()',
  endedAt: 'NULL',
};

/** Lets the library create its tables. */
export async function makeTables(database: RunDatabase): Promise<void> {
  const child = new ContenderProcess({
    contender: ENTRIES.alone[0].name,
    kind: database.kind,
    url: database.url,
    role: 'producer',
    steps: 1,
  });
  await child.ask('open');
  await child.close();
}

/** Inserts jobs of one step for the orders from `first` on. */
export async function insertJobs(client: pg.Client, rows: JobRows, count: number, first = 1): Promise<void> {
  await client.query(
    `INSERT INTO stepping_jobs
       (gid, status, steps, step_index, step_name, attempts, owner, created_at, due_at, ended_at)
     SELECT regexp_replace(lpad(to_hex($5::bigint + n), 12, '0'), '^.{8}', '\\&-')
              || '-7' || substr(gen_random_uuid()::text, 16),
            $2, replace($3, '"id":0', '"id":' || n), 0, 'first', 0, $4, clock_timestamp() - interval '1 hour',
            ${rows.dueAt}, ${rows.endedAt}
       FROM generate_series($6::int, $6::int + $1::int - 1) AS n`,
    [
      count,
      rows.status,
      JSON.stringify([{ step: 'first', args: { id: 0, customer: 'customer-0', note: 'x'.repeat(140) } }]),
      rows.owner,
      Date.now() - AGE_MS,
      first,
    ],
  );
}
