import { ENTRIES, type Entry } from '../contenders/entries.ts';
import type { RunDatabase } from '../server/databases.ts';
import { interleaved, type Bench, type WorkloadResult } from './bench.ts';
import { PLACING_COLUMNS, placingRun } from './placing.ts';

const [ONE, FOUR, , ORDERS_IN_FOUR] = ENTRIES.shards;
const IN_FOUR: readonly Entry[] = [FOUR, ORDERS_IN_FOUR];

/** H: A with a store in each of four databases of one server. */
export async function shards(bench: Bench): Promise<WorkloadResult[]> {
  const { jobs, warmUp } = bench.options;
  const runs = await interleaved(
    bench,
    'H',
    ENTRIES.shards,
    ({ name }) => name,
    (entry) =>
      withDatabases(bench, IN_FOUR.includes(entry) ? 4 : 1, ([database, ...others]) =>
        placingRun(bench, { entry, steps: 1, jobs, warmUp, database: database!, shards: others }),
      ),
  );
  const title = `A with a store in each of four databases, ${jobs} jobs`;
  return [{ workload: 'H', title, base: ONE.name, columns: PLACING_COLUMNS, runs }];
}

async function withDatabases<T>(
  { databases }: Bench,
  count: number,
  work: (created: readonly RunDatabase[]) => Promise<T>,
): Promise<T> {
  const created: RunDatabase[] = [];
  try {
    while (created.length < count) created.push(await databases.create('postgres'));
    return await work(created);
  } finally {
    for (const database of created) await database.drop();
  }
}
