import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { openDataSource } from '../contract/support.js';
import type { TestDatabase } from './database.js';

const page = fileURLToPath(new URL('../../docs/databases.md', import.meta.url));

/** Creates the tables on PostgreSQL, and partitions the jobs as docs/databases.md says. */
export async function partitionJobs(database: TestDatabase): Promise<void> {
  const open = await openDataSource(database);
  await open.store.initialize(true);
  await open.close();
  const [, recipe] =
    /```sql\n(BEGIN;\nALTER TABLE stepping_jobs [^`]*)```/.exec(readFileSync(page, 'utf8')) ?? [];
  if (recipe === undefined) throw new Error('docs/databases.md does not tell how the jobs are partitioned');
  await database.query(recipe);
}
