import { ENTRIES } from '../contenders/entries.ts';
import { chosen, interleaved, type Bench, type WorkloadResult } from './bench.ts';
import { DRAINING_COLUMNS, drainingRun } from './draining.ts';
import { withDatabase } from './placing.ts';

/** C: waiting jobs in the table, drained by one and by two worker processes. */
export async function draining(bench: Bench): Promise<WorkloadResult[]> {
  const { options } = bench;
  const entries = chosen(
    [...ENTRIES.draining, ...(options.compare ? ENTRIES.compared : [])],
    options,
    'floor',
  );
  const pairs = entries.flatMap((entry) => [1, 2].map((workers) => ({ entry, workers })));
  const nameOf = ({ entry, workers }: (typeof pairs)[number]) => `${entry.name} x ${workers}`;
  const runs = await interleaved(bench, 'C', pairs, nameOf, ({ entry, workers }) =>
    withDatabase(bench, 'postgres', (database) =>
      drainingRun(bench, { entry, workers, jobs: options.drain, database }),
    ),
  );
  return [
    {
      workload: 'C',
      title: `Drain of ${options.drain} jobs by one and by two worker processes`,
      base: 'floor x 1',
      columns: DRAINING_COLUMNS,
      runs,
    },
  ];
}
