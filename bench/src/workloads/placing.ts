import type { Entry } from '../contenders/entries.ts';
import { assertEachRanOnce } from '../executions.ts';
import { ServerMeter } from '../measure/server-use.ts';
import { ContenderProcess } from '../process/child-process.ts';
import type { RunDatabase } from '../server/databases.ts';
import type { Bench, Column, Run } from './bench.ts';

export const PRODUCERS = 16;
/** Orders placed between the meter's pause and the start: enough to use every connection. */
const TOUCH = 64;

export interface PlacingRun {
  readonly entry: Entry;
  readonly steps: 1 | 2;
  readonly jobs: number;
  readonly warmUp: number;
  readonly database: RunDatabase;
  /** Further databases of orders, each with a store of its own. */
  readonly shards?: readonly RunDatabase[];
  /** Where jobs are stored, if not in the database of the orders. */
  readonly jobsDatabase?: RunDatabase;
}

export const PLACING_COLUMNS: readonly Column[] = [
  { title: 'jobs/s', figure: 'jobsPerSecond', digits: 0, ratio: true },
  { title: 'statements', figure: 'statements', digits: 2 },
  { title: 'commits', figure: 'commits', digits: 2 },
  { title: 'WAL bytes', figure: 'walBytes', digits: 0, ratio: true },
  { title: 'page images', figure: 'imageBytes', digits: 0 },
  { title: 'WAL syncs', figure: 'syncs', digits: 3 },
  { title: 'server CPU µs', figure: 'serverCpu', digits: 0, ratio: true },
  { title: 'process CPU µs', figure: 'processCpu', digits: 0, ratio: true },
];

export const SHORT_COLUMNS: readonly Column[] = PLACING_COLUMNS.filter(
  ({ figure }) => figure === 'jobsPerSecond' || figure === 'processCpu',
);

/** Places orders with jobs by 16 concurrent producers, until nothing is pending, in a new process that has warmed up. */
export async function placingRun(bench: Bench, run: PlacingRun): Promise<Omit<Run, 'contender' | 'round'>> {
  const { entry, steps, jobs, warmUp, database, shards = [], jobsDatabase } = run;
  const child = new ContenderProcess(
    {
      contender: entry.name,
      kind: database.kind,
      url: database.url,
      shardUrls: shards.map(({ url }) => url),
      ...(jobsDatabase && { jobsUrl: jobsDatabase.url }),
      role: 'all',
      steps,
    },
    bench.options.profile ? ['--cpu-prof', `--cpu-prof-dir=${bench.options.profile}`] : [],
  );
  const databases = [database, ...shards, ...(jobsDatabase ? [jobsDatabase] : [])].map(({ name }) => name);
  const meter = database.kind === 'postgres' ? new ServerMeter(bench.postgres, databases) : undefined;
  try {
    await child.ask('open');
    await child.ask('run', 1, warmUp, PRODUCERS);
    await meter?.start(() => child.ask('run', warmUp + 1, TOUCH, PRODUCERS));
    const touched = meter ? TOUCH : 0;
    const before = await child.ask('usage');
    const milliseconds = await child.ask('run', warmUp + touched + 1, jobs, PRODUCERS);
    const after = await child.ask('usage');
    await meter?.stop();
    const report = await child.ask('executions');
    if (!entry.withoutJobs) assertEachRanOnce([report], steps, warmUp + touched + jobs);
    await child.close();
    const server = await meter?.result();
    return {
      figures: {
        jobsPerSecond: (jobs * 1000) / milliseconds,
        processCpu: (after.cpu - before.cpu) / jobs,
        memory: (after.memoryAtMost - after.memoryAtStart) / 2 ** 20,
        ...(server && {
          statements: server.statements / jobs,
          commits: server.wal.commits / jobs,
          walBytes: server.wal.bytes / jobs,
          imageBytes: server.wal.imageBytes / jobs,
          syncs: server.syncs / jobs,
          serverCpu: (server.cpu * 1e6) / jobs,
        }),
      },
      details: server && { statements: server.top, wal: server.wal.kinds.slice(0, 12) },
    };
  } catch (error) {
    await child.kill();
    throw error;
  }
}

export async function withDatabase<T>(
  { databases }: Bench,
  kind: RunDatabase['kind'],
  work: (database: RunDatabase) => Promise<T>,
  template?: string,
): Promise<T> {
  const database = await databases.create(kind, template);
  try {
    return await work(database);
  } finally {
    await database.drop();
  }
}
