import { ENTRIES, type Entry } from '../contenders/entries.ts';
import { assertEachRanOnce, type ExecutionReport } from '../executions.ts';
import { percentile } from '../measure/numbers.ts';
import { ContenderProcess } from '../process/child-process.ts';
import type { RunDatabase } from '../server/databases.ts';
import { chosen, interleaved, type Bench, type Column, type Figures, type WorkloadResult } from './bench.ts';
import { withDatabase } from './placing.ts';

const PER_SECOND = 50;
const WARM_UP = 100;

const COLUMNS: readonly Column[] = [
  { title: 'p50 ms', figure: 'p50', digits: 2 },
  { title: 'p90 ms', figure: 'p90', digits: 2 },
  { title: 'p99 ms', figure: 'p99', digits: 2 },
  { title: 'most ms', figure: 'most', digits: 2 },
];

/** D: from the commit's return to the step's first line, at 50 jobs per second. */
export async function latency(bench: Bench): Promise<WorkloadResult[]> {
  const results: WorkloadResult[] = [];
  for (const where of ['same process', 'other process'] as const) {
    const { options } = bench;
    const all =
      where === 'same process' ? ENTRIES.placing.filter((entry) => !isWithoutJobs(entry)) : ENTRIES.draining;
    // The driver does not affect when a worker notices a job.
    const entries = chosen(
      [
        ...all.filter(({ name }) => !name.includes(', typeorm')),
        ...(options.compare ? ENTRIES.compared : []),
      ],
      options,
      'stepping',
    );
    const runs = await interleaved(
      bench,
      `D, ${where}`,
      entries,
      ({ name }) => name,
      (entry) =>
        withDatabase(bench, 'postgres', async (database) => ({
          figures: await latencies(entry, database, options.paced, where === 'other process'),
        })),
    );
    results.push({
      workload: where === 'same process' ? 'D1' : 'D2',
      title: `Latency at ${PER_SECOND} jobs/s, ${where}, ${options.paced} jobs`,
      base: 'stepping',
      columns: COLUMNS,
      runs,
    });
  }
  return results;
}

async function latencies(
  entry: Entry,
  database: RunDatabase,
  jobs: number,
  apart: boolean,
): Promise<Figures> {
  const settings = { contender: entry.name, kind: database.kind, url: database.url, steps: 1 } as const;
  const producer = new ContenderProcess({ ...settings, role: apart ? 'producer' : 'all' });
  const started = [producer];
  try {
    await producer.ask('open');
    let runner = producer;
    if (apart) {
      runner = new ContenderProcess({ ...settings, role: 'worker' });
      started.push(runner);
      await runner.ask('open');
    }
    await producer.ask('pace', 1, WARM_UP, PER_SECOND);
    const committed = await producer.ask('pace', WARM_UP + 1, jobs, PER_SECOND);
    let report: ExecutionReport = await runner.ask('executions');
    for (let tries = 0; report.total < WARM_UP + jobs && tries < 100; tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      report = await runner.ask('executions');
    }
    assertEachRanOnce([report], 1, WARM_UP + jobs);
    await Promise.all(started.map((process) => process.close()));
    // A step may begin before the producer, which waits for the same commit, continues. That counts as 0.
    const values = Object.entries(committed).map(([id, at]) =>
      Math.max(0, Number(BigInt(report.begun[Number(id)]!) - BigInt(at)) / 1e6),
    );
    return {
      p50: percentile(values, 50),
      p90: percentile(values, 90),
      p99: percentile(values, 99),
      most: Math.max(...values),
    };
  } catch (error) {
    await Promise.all(started.map((process) => process.kill()));
    throw error;
  }
}

function isWithoutJobs(entry: Entry): boolean {
  return entry.withoutJobs === true;
}
