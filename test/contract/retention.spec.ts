import { expect, it } from 'vitest';
import { newGid } from '../../lib/core/jobs/gid.js';
import type { TypeOrmDatabases } from '../../lib/transactions/typeorm-databases.js';
import { MemoryJobStore } from '../../lib/store/memory.job-store.js';
import { RetentionService } from '../../lib/tm/self/retention.service.js';
import { newJob, success } from './support.js';

const DAY = 24 * 3600 * 1000;

const noBarriers = { opened: async () => [] } as unknown as TypeOrmDatabases;

/** Counts the pages that a sweep looks at. */
class CountingStore extends MemoryJobStore {
  pages = 0;

  override expired(...request: Parameters<MemoryJobStore['expired']>): ReturnType<MemoryJobStore['expired']> {
    this.pages += 1;
    return super.expired(...request);
  }
}

async function ended(store: CountingStore, gids: readonly string[]): Promise<void> {
  await store.insert(gids.map((gid) => newJob({ gid, owner: 'me' })));
  await store.change(gids.map((gid) => success(gid, 'me')));
}

const own = (count: number): string[] => Array.from({ length: count }, () => newGid());
const left = async (store: CountingStore): Promise<number> =>
  (await store.list({ limit: 100_000 })).jobs.length;

it('looks at few of the jobs that are too young, and at all others', async () => {
  const store = new CountingStore();
  const retention = new RetentionService(store, noBarriers, DAY);
  await ended(store, ['000-first', 'zzz-last']);
  await store.elapse(2 * DAY);
  await ended(store, own(5_000));
  await retention.run();
  expect(store.pages).toBeLessThanOrEqual(3);
  expect(await left(store)).toBe(5_000);

  await store.elapse(2 * DAY);
  await retention.run();
  expect(await left(store)).toBe(0);
});

it('deletes in one run whatever has expired', async () => {
  const store = new CountingStore();
  await ended(store, own(22_000));
  await new RetentionService(store, noBarriers, 0).run();
  expect(await left(store)).toBe(0);
});

it('goes on where the run before has stopped', async () => {
  const store = new CountingStore();
  const retention = new RetentionService(store, noBarriers, DAY);
  // Gids of others say nothing about the age of their jobs.
  await store.insert(Array.from({ length: 20_500 }, (_, at) => newJob({ gid: `kept-${at}`, owner: 'me' })));
  await ended(store, ['zzz-last']);
  await store.elapse(2 * DAY);
  await retention.run();
  expect(store.pages).toBe(40);
  expect(await store.find('zzz-last')).not.toBeNull();
  await retention.run();
  expect(await store.find('zzz-last')).toBeNull();
});

it.each(['', '{{{', 'null', '5', '{}', '{"database":null}'])(
  'keeps a job whose lookup cannot be read, and deletes the others: %j',
  async (lookup) => {
    const store = new CountingStore();
    await store.insert([newJob({ gid: 'broken', owner: 'me', lookup })]);
    await store.change([success('broken', 'me')]);
    await ended(store, ['after', 'before']);
    await new RetentionService(store, noBarriers, 0).run();
    expect((await store.list({ limit: 10 })).jobs.map(({ gid }) => gid)).toEqual(['broken']);
  },
);
