import { ENTRIES } from '../contenders/entries.ts';
import { chosen, interleaved, type Bench, type WorkloadResult } from './bench.ts';
import { PLACING_COLUMNS, placingRun, withDatabase } from './placing.ts';

/** A: one step. B: two steps, the completion of the first stored before the second starts. */
export async function placing(bench: Bench, workload: 'A' | 'B'): Promise<WorkloadResult> {
  const steps = workload === 'A' ? 1 : 2;
  const { options } = bench;
  const entries = chosen(
    [...ENTRIES.placing, ...(options.compare ? ENTRIES.compared : [])],
    options,
    'floor',
  ).filter(({ withoutJobs }) => steps === 1 || !withoutJobs);
  const runs = await interleaved(
    bench,
    workload,
    entries,
    ({ name }) => name,
    (entry) =>
      withDatabase(bench, 'postgres', (database) =>
        placingRun(bench, { entry, steps, jobs: options.jobs, warmUp: options.warmUp, database }),
      ),
  );
  return {
    workload,
    title: `Order and job in one transaction, ${steps === 1 ? 'one step' : 'two steps'}, ${options.jobs} jobs`,
    base: 'floor',
    columns: PLACING_COLUMNS,
    runs,
  };
}
