import pg from 'pg';
import { ENTRIES } from '../contenders/entries.ts';
import type { RunDatabase } from '../server/databases.ts';
import { interleaved, type Bench, type WorkloadResult } from './bench.ts';
import { DRAINING_COLUMNS, drainingRun } from './draining.ts';
import { DELAYED, FINISHED, insertJobs, makeTables } from './job-rows.ts';
import { PLACING_COLUMNS, placingRun, withDatabase } from './placing.ts';

type Crowd = 'empty' | 'finished rows' | 'delayed jobs' | 'idle transaction';

const ROWS = { 'finished rows': FINISHED, 'delayed jobs': DELAYED } as const;

const CROWDS: readonly Crowd[] = ['empty', 'finished rows', 'delayed jobs', 'idle transaction'];

/** E: the library alone, with a full table, or with an open transaction that holds back the clean-up. */
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

async function fill(
  bench: Bench,
  database: RunDatabase,
  crowd: keyof typeof ROWS,
  rows: number,
): Promise<void> {
  await makeTables(database);
  await bench.postgres.withClient(async (client) => {
    await insertJobs(client, ROWS[crowd], rows);
    await client.query('VACUUM (FREEZE, ANALYZE)');
    await client.query('CHECKPOINT');
  }, database.name);
}
