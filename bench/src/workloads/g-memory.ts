import { ENTRIES } from '../contenders/entries.ts';
import { assertEachRanOnce } from '../executions.ts';
import { ContenderProcess } from '../process/child-process.ts';
import type { Bench, Run, WorkloadResult } from './bench.ts';
import { insertJobs, makeTables, WAITING } from './job-rows.ts';
import { withDatabase } from './placing.ts';

const ROUNDS = 10;
/** Multiple of the jobs of C. */
const SHARE = 5;
const MEGABYTE = 2 ** 20;
/** Megabytes; the new space is a small multiple of it. */
const BOUND = 16;

/**
 * G: one process of this library runs many waiting jobs, again and again: once with Node.js's defaults, and once with a bound
 * for the new space, which V8 enlarges over time and never shrinks under load.
 */
export async function memory(bench: Bench): Promise<WorkloadResult[]> {
  return [await drained(bench, []), await drained(bench, [`--max-semi-space-size=${BOUND}`])];
}

async function drained(bench: Bench, nodeArguments: readonly string[]): Promise<WorkloadResult> {
  const jobs = bench.options.drain * SHARE;
  const runs: Run[] = await withDatabase(bench, 'postgres', async (database) => {
    await makeTables(database);
    const settings = {
      contender: ENTRIES.alone[0].name,
      kind: database.kind,
      url: database.url,
      steps: 1,
    } as const;
    const worker = new ContenderProcess({ ...settings, role: 'worker' }, ['--expose-gc', ...nodeArguments]);
    try {
      await worker.ask('open');
      const { memoryAtStart } = await worker.ask('usage');
      const results: Run[] = [];
      for (let round = 0; round < ROUNDS; round += 1) {
        const first = round * jobs + 1;
        await bench.postgres.withClient((client) => insertJobs(client, WAITING, jobs, first), database.name);
        await worker.ask('reached', first + jobs - 1);
        while (await worker.ask('pending'));
        const { memoryAtMost } = await worker.ask('usage');
        assertEachRanOnce([await worker.ask('forget')], 1, jobs, first);
        const left = await worker.ask('collect');
        process.stderr.write(`G, round ${round + 1} of ${ROUNDS}: ${(left.heap / MEGABYTE).toFixed(1)} MB\n`);
        results.push({
          contender: `after ${first + jobs - 1} jobs`,
          round: 0,
          figures: {
            growth: (memoryAtMost - memoryAtStart) / MEGABYTE,
            left: (left.memory - memoryAtStart) / MEGABYTE,
            heap: left.heap / MEGABYTE,
          },
        });
      }
      await worker.close();
      return results;
    } catch (error) {
      await worker.kill();
      throw error;
    }
  });
  return {
    workload: nodeArguments.length === 0 ? 'G1' : 'G2',
    title: [`One process, ${ROUNDS} times ${jobs} waiting jobs`, ...nodeArguments].join(', '),
    base: runs[0]!.contender,
    columns: [
      { title: 'grown at most, MB', figure: 'growth', digits: 0 },
      { title: 'grown after a collection, MB', figure: 'left', digits: 0 },
      { title: 'heap after a collection, MB', figure: 'heap', digits: 1 },
    ],
    runs,
  };
}
