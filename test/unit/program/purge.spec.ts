import { expect, it } from 'vitest';
import { Purge } from '../../../lib/cli/purge.js';
import type { ExpiredPage, JobStore } from '../../../lib/store/job-store.js';
import type { TypeOrmDatabases } from '../../../lib/transactions/typeorm-databases.js';

/** More pages of jobs that are kept than one run of the retention looks through. */
const PAGES = 45;

/** Only the last page has something to delete. */
class LongTable {
  readonly expiredJobs = new Set(['z1', 'z2']);

  async expired(after: string): Promise<ExpiredPage> {
    const page = after === '' ? 0 : Number(after) + 1;
    if (page > PAGES) return { jobs: [], next: null, young: false };
    const jobs = page < PAGES ? [] : [...this.expiredJobs].map((gid) => ({ gid, lookup: null }));
    return { jobs, next: String(page), young: false };
  }

  async delete(gids: readonly string[]): Promise<void> {
    for (const gid of gids) this.expiredJobs.delete(gid);
  }
}

it('goes through the whole table, however many jobs there are to keep, unless its time is over', async () => {
  const table = new LongTable();
  const databases = { opened: async () => [] } as unknown as TypeOrmDatabases;
  const purge = () => new Purge(table as unknown as JobStore, databases, 0);

  expect(await purge().count(1)).toBe(2);
  expect(await purge().all(performance.now())).toEqual({ deleted: 0, complete: false });
  expect(await purge().all(performance.now() + 60_000)).toEqual({ deleted: 2, complete: true });
  expect(await purge().count(1)).toBe(0);
});
