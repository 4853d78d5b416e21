import { ENTRIES, type Entry } from '../contenders/entries.ts';
import { chosen, interleaved, type Bench, type WorkloadResult } from './bench.ts';
import { PLACING_COLUMNS, placingRun, withDatabase } from './placing.ts';

interface Part {
  readonly name: string;
  readonly entry: Entry;
  readonly steps: 1 | 2;
}

/**
 * A: one step. B: two steps; the completion of the first is stored before the second starts. In B the library also runs jobs of
 * one step in the same rounds.
 */
export async function placing(bench: Bench, workload: 'A' | 'B'): Promise<WorkloadResult> {
  const steps = workload === 'A' ? 1 : 2;
  const { options } = bench;
  const entries = chosen(
    [...ENTRIES.placing, ...(options.compare ? ENTRIES.compared : [])],
    options,
    'floor',
  ).filter(({ withoutJobs }) => steps === 1 || !withoutJobs);
  const parts: Part[] = entries.map((entry) => ({ name: entry.name, entry, steps }));
  const [library] = ENTRIES.alone;
  const own = entries.indexOf(library);
  if (steps === 2 && own >= 0) {
    parts.splice(own, 0, { name: `${library.name}, one step`, entry: library, steps: 1 });
  }
  const runs = await interleaved(
    bench,
    workload,
    parts,
    ({ name }) => name,
    (part) =>
      withDatabase(bench, 'postgres', (database) =>
        placingRun(bench, {
          entry: part.entry,
          steps: part.steps,
          jobs: options.jobs,
          warmUp: options.warmUp,
          database,
        }),
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
