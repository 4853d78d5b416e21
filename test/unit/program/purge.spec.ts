import { expect, it } from 'vitest';
import { Purge } from '../../../lib/cli/purge.js';
import { MemoryJobStore } from '../../../lib/store/memory.job-store.js';
import type { TypeOrmDatabases } from '../../../lib/transactions/typeorm-databases.js';

/** More than one run of the retention looks through. */
const KEPT = 20_100;

it('goes through the whole table, however many jobs there are to keep, unless its time is over', async () => {
  const store = new MemoryJobStore();
  const job = { name: null, steps: '[]', stepName: 's', owner: null, dueIn: 0, lookup: null } as const;
  const kept = Array.from({ length: KEPT }, (_, at) => `a${String(at).padStart(6, '0')}`);
  await store.insert([...kept, 'z1', 'z2'].map((gid) => ({ ...job, gid, status: 'submitted' })));
  for (const gid of ['z1', 'z2']) await store.cancel(gid);
  const databases = { opened: async () => [] } as unknown as TypeOrmDatabases;
  const purge = new Purge(store, databases, 0);

  expect(await purge.count(1)).toBe(2);
  expect(await purge.all(performance.now())).toEqual({ deleted: 0, complete: false });
  expect(await new Purge(store, databases, 0).all(performance.now() + 60_000)).toEqual({
    deleted: 2,
    complete: true,
  });
  expect(await new Purge(store, databases, 0).count(1)).toBe(0);
  expect(await store.find(kept.at(-1)!)).not.toBeNull();
});
