import { ENTRIES } from '../contenders/entries.ts';
import type { DatabaseKind } from '../orders.ts';
import { chosen, interleaved, type Bench, type WorkloadResult } from './bench.ts';
import { PLACING_COLUMNS, placingRun, SHORT_COLUMNS, withDatabase } from './placing.ts';

/** SQLite syncs every transaction, one after the other. */
const SQLITE_SHARE = 1 / 5;

/** F: A on other databases, and with the jobs in a database of their own (two-phase). */
export async function databases(bench: Bench): Promise<WorkloadResult[]> {
  const { jobs } = bench.options;
  return [
    await elsewhere(bench, 'mysql', 'F1', 'MySQL or MariaDB', jobs),
    await elsewhere(
      bench,
      'sqlite',
      'F2',
      'SQLite (WAL, synchronous = FULL)',
      Math.ceil(jobs * SQLITE_SHARE),
    ),
    await twoPhase(bench),
  ];
}

async function elsewhere(
  bench: Bench,
  kind: DatabaseKind,
  workload: string,
  title: string,
  jobs: number,
): Promise<WorkloadResult> {
  const { options } = bench;
  const entries = chosen(
    [...ENTRIES.elsewhere, ...(options.compare ? ENTRIES.compared : [])],
    options,
    'floor',
  );
  const runs = await interleaved(
    bench,
    workload,
    entries,
    ({ name }) => name,
    (entry) =>
      withDatabase(bench, kind, (database) =>
        placingRun(bench, { entry, steps: 1, jobs, warmUp: Math.min(options.warmUp, jobs), database }),
      ),
  );
  return { workload, title: `A on ${title}, ${jobs} jobs`, base: 'floor', columns: SHORT_COLUMNS, runs };
}

/** To measure another transaction manager, add its contender to `ENTRIES.twoPhase`. */
async function twoPhase(bench: Bench): Promise<WorkloadResult> {
  const { options } = bench;
  const base = 'two-phase by hand';
  const entries = chosen([...ENTRIES.twoPhase, ...(options.compare ? ENTRIES.compared : [])], options, base);
  const runs = await interleaved(
    bench,
    'F3',
    entries,
    ({ name }) => name,
    (entry) =>
      withDatabase(bench, 'postgres', (database) =>
        withDatabase(bench, 'postgres', (jobsDatabase) =>
          placingRun(bench, {
            entry,
            steps: 1,
            jobs: options.jobs,
            warmUp: options.warmUp,
            database,
            jobsDatabase,
          }),
        ),
      ),
  );
  return {
    workload: 'F3',
    title: `A with the jobs in another database (two-phase), ${options.jobs} jobs`,
    base,
    columns: PLACING_COLUMNS,
    runs,
  };
}
