import pg from 'pg';
import { ENTRIES } from '../contenders/entries.ts';
import { ContenderProcess } from '../process/child-process.ts';
import type { RunDatabase } from '../server/databases.ts';
import { interleaved, type Bench, type WorkloadResult } from './bench.ts';
import { DRAINING_COLUMNS, drainingRun } from './draining.ts';
import { PLACING_COLUMNS, placingRun, withDatabase } from './placing.ts';

type Crowd = 'empty' | 'finished rows' | 'delayed jobs' | 'idle transaction';

/** The rows' gids are those of jobs that were started one per millisecond, long enough ago. */
const AGE_MS = 3600 * 1000;

const CROWDS: readonly Crowd[] = ['empty', 'finished rows', 'delayed jobs', 'idle transaction'];

/** E: the library alone, with a table that is full, or a transaction that holds back the clean-up. */
export async function crowded(bench: Bench): Promise<WorkloadResult[]> {
  const entry = ENTRIES.alone[0];
  const { options } = bench;
  const templates: Partial<Record<Crowd, RunDatabase>> = {};
  try {
    for (const crowd of ['finished rows', 'delayed jobs'] as const) {
      process.stderr.write(`E: a table with ${options.crowd} ${crowd} ... `);
      templates[crowd] = await bench.databases.create('postgres');
      await fill(bench, templates[crowd], crowd, options.crowd);
      process.stderr.write('made\n');
    }
    const placing = await interleaved(bench, 'E, A', CROWDS, nameOf, (crowd) =>
      withCrowd(bench, crowd, templates, (database) =>
        placingRun(bench, { entry, steps: 1, jobs: options.jobs, warmUp: options.warmUp, database }),
      ),
    );
    const draining = await interleaved(bench, 'E, C', CROWDS, nameOf, (crowd) =>
      withCrowd(bench, crowd, templates, (database) =>
        drainingRun(bench, { entry, workers: 1, jobs: options.drain, database }),
      ),
    );
    return [
      {
        workload: 'E1',
        title: 'A in a crowded table',
        base: 'empty',
        columns: PLACING_COLUMNS,
        runs: placing,
      },
      {
        workload: 'E2',
        title: 'C in a crowded table',
        base: 'empty',
        columns: DRAINING_COLUMNS,
        runs: draining,
      },
    ];
  } finally {
    for (const template of Object.values(templates)) await template.drop();
  }
}

function nameOf(crowd: Crowd): string {
  return crowd;
}

async function withCrowd<T>(
  bench: Bench,
  crowd: Crowd,
  templates: Partial<Record<Crowd, RunDatabase>>,
  work: (database: RunDatabase) => Promise<T>,
): Promise<T> {
  return withDatabase(
    bench,
    'postgres',
    async (database) => {
      if (crowd !== 'idle transaction') return work(database);
      const idle = new pg.Client({ connectionString: database.url });
      await idle.connect();
      try {
        await idle.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
        await idle.query('SELECT pg_current_xact_id()');
        return await work(database);
      } finally {
        await idle.end();
      }
    },
    templates[crowd]?.name,
  );
}

/** Makes the library's tables, and then the rows as the library would have left them. */
async function fill(
  bench: Bench,
  database: RunDatabase,
  crowd: 'finished rows' | 'delayed jobs',
  rows: number,
) {
  const child = new ContenderProcess({
    contender: ENTRIES.alone[0].name,
    kind: 'postgres',
    url: database.url,
    role: 'producer',
    steps: 1,
  });
  await child.ask('open');
  await child.close();
  const finished = crowd === 'finished rows';
  await bench.postgres.withClient(async (client) => {
    await client.query(
      `INSERT INTO stepping_jobs
         (gid, status, steps, step_index, step_name, attempts, owner, created_at, due_at, ended_at)
       SELECT regexp_replace(lpad(to_hex($5::bigint + n), 12, '0'), '^.{8}', '\\&-')
                || '-7' || substr(gen_random_uuid()::text, 16),
              $2, $3, 0, 'first', 0, $4, clock_timestamp() - interval '1 hour',
              ${finished ? 'NULL' : `clock_timestamp() + interval '1 day' + n * interval '1 millisecond'`},
              ${finished ? `clock_timestamp() - interval '1 hour'` : 'NULL'}
         FROM generate_series(1, $1::int) AS n`,
      [
        rows,
        finished ? 'succeeded' : 'submitted',
        JSON.stringify([{ step: 'first', args: { id: 0, customer: 'customer-0', note: 'x'.repeat(140) } }]),
        finished ? 'AAAAAAAAAAAA.1' : null,
        Date.now() - AGE_MS,
      ],
    );
    await client.query('VACUUM (FREEZE, ANALYZE)');
    await client.query('CHECKPOINT');
  }, database.name);
}
