import { setTimeout as sleep } from 'node:timers/promises';
import type { Entry } from '../contenders/entries.ts';
import { assertEachRanOnce, now } from '../executions.ts';
import { ServerMeter } from '../measure/server-use.ts';
import { ContenderProcess } from '../process/child-process.ts';
import type { RunDatabase } from '../server/databases.ts';
import type { Bench, Column, Run } from './bench.ts';
import { PRODUCERS } from './placing.ts';

const PENDING_PAUSE_MS = 5;
/** Fails after this time without progress. */
const STUCK_MS = 60_000;

export const DRAINING_COLUMNS: readonly Column[] = [
  { title: 'jobs/s', figure: 'jobsPerSecond', digits: 0, ratio: true },
  { title: 'statements', figure: 'statements', digits: 3 },
  { title: 'commits', figure: 'commits', digits: 3 },
  { title: 'WAL bytes', figure: 'walBytes', digits: 0, ratio: true },
  { title: 'page images', figure: 'imageBytes', digits: 0 },
  { title: 'server CPU µs', figure: 'serverCpu', digits: 0, ratio: true },
  { title: 'process CPU µs', figure: 'processCpu', digits: 0, ratio: true },
  { title: 'memory MB', figure: 'memory', digits: 0 },
];

export interface DrainingRun {
  readonly entry: Entry;
  readonly jobs: number;
  readonly workers: number;
  readonly database: RunDatabase;
}

/** Excludes the start of the processes and the first batch from the measurement. */
const SKIPPED_SHARE = 1 / 10;

/**
 * Runs jobs that another process has started, in one or more processes. The time starts when a tenth of them has
 * begun, and ends when nothing is pending.
 */
export async function drainingRun(bench: Bench, run: DrainingRun): Promise<Omit<Run, 'contender' | 'round'>> {
  const { entry, jobs, workers: count, database } = run;
  const settings = { contender: entry.name, kind: database.kind, url: database.url, steps: 1 } as const;
  const producer = new ContenderProcess({ ...settings, role: 'producer' });
  const profile = bench.options.profile ? ['--cpu-prof', `--cpu-prof-dir=${bench.options.profile}`] : [];
  const started: ContenderProcess[] = [producer];
  try {
    await producer.ask('open');
    await producer.ask('place', 1, jobs, PRODUCERS);
    // Autovacuum does this for any table in use. Some queues claim half as fast without statistics.
    await bench.postgres.withClient((client) => client.query('ANALYZE'), database.name);
    const meter = new ServerMeter(bench.postgres, [database.name]);
    await meter.start(() => Promise.resolve());

    const workers = Array.from(
      { length: count },
      () => new ContenderProcess({ ...settings, role: 'worker' }, profile),
    );
    started.push(...workers);
    const total = allRan(workers, jobs);
    await Promise.all(workers.map((worker) => worker.ask('open')));
    await total;
    while (await producer.ask('pending')) await sleep(PENDING_PAUSE_MS);
    const end = now();
    await meter.stop();

    const reports = await Promise.all(workers.map((worker) => worker.ask('executions')));
    assertEachRanOnce(reports, 1, jobs);
    const usages = await Promise.all(workers.map((worker) => worker.ask('usage')));
    await Promise.all(started.map((process) => process.close()));
    const server = await meter.result();
    const begun = reports.flatMap((report) => Object.values(report.begun).map(BigInt));
    const skipped = Math.floor(jobs * SKIPPED_SHARE);
    const begin = begun.toSorted((left, right) => (left < right ? -1 : 1))[skipped]!;
    return {
      figures: {
        jobsPerSecond: (jobs - skipped) / (Number(end - begin) / 1e9),
        processCpu: usages.reduce((sum, { cpu }) => sum + cpu, 0) / jobs,
        memory: Math.max(...usages.map((usage) => usage.memoryAtMost - usage.memoryAtStart)) / 2 ** 20,
        statements: server.statements / jobs,
        commits: server.wal.commits / jobs,
        walBytes: server.wal.bytes / jobs,
        imageBytes: server.wal.imageBytes / jobs,
        serverCpu: (server.cpu * 1e6) / jobs,
      },
      details: { statements: server.top, wal: server.wal.kinds.slice(0, 12) },
    };
  } catch (error) {
    await Promise.all(started.map((process) => process.kill()));
    throw error;
  }
}

/** Resolves when all workers together have run `total` steps. */
function allRan(workers: readonly ContenderProcess[], total: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const stuck = (): void => reject(new Error(`Stuck after ${sum()} of ${total} steps.`));
    const sum = (): number => workers.reduce((count, { progress }) => count + progress, 0);
    let timer = setTimeout(stuck, STUCK_MS);
    for (const worker of workers) {
      worker.onProgress = () => {
        clearTimeout(timer);
        if (sum() >= total) resolve();
        else timer = setTimeout(stuck, STUCK_MS);
      };
    }
  });
}
