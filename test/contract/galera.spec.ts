import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UnresolvedTransactionError } from '../../lib/errors/index.js';
import type { Barrier } from '../../lib/store/barrier.js';
import { barrierFor, inboxFor } from '../../lib/store/databases.js';
import type { InboxStore } from '../../lib/store/inbox-store.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { claimAll, end, newJob, onRunner, openDataSource, type OpenDataSource } from './support.js';

/** The nodes of a cluster; the first one is that of `MYSQL_URL`. */
const nodes = process.env.GALERA_URLS?.split(',') ?? [];
const why = nodes.length > 2 ? '' : ' (skipped: GALERA_URLS names no three nodes: npm run engines:galera)';
/** The others take most of a second to apply it, and everything after it waits for that. */
const LARGE = 60_000;

describe.skipIf(why !== '')(`nodes of a Galera cluster [mariadb]${why}`, () => {
  let database: TestDatabase;
  /** Here something has been committed that `behind` has not applied. */
  let ahead: OpenDataSource;
  let behind: OpenDataSource;
  let third: OpenDataSource;

  const at = (node: string, selected: TestDatabase): TestDatabase => {
    const url = new URL(selected.url);
    url.host = new URL(node).host;
    return {
      ...selected,
      dataSourceOptions: (extra = {}) => selected.dataSourceOptions({ url: url.href, ...extra }),
    };
  };

  beforeAll(async () => {
    database = await createDatabase('mariadb');
    behind = await openDataSource(database);
    await behind.store.initialize(true);
    await database.query('CREATE TABLE large (id INT PRIMARY KEY, text VARCHAR(200))');
    [ahead, third] = (await Promise.all(
      nodes.slice(1, 3).map((node) => openDataSource(at(node, database))),
    )) as [OpenDataSource, OpenDataSource];
    // The tables come there as everything does.
    for (const { store } of [ahead, third]) await store.initialize(false);
  });
  afterAll(async () => {
    for (const open of [ahead, behind, third]) await open?.close();
    await database?.drop();
  });

  /**
   * Commits something large at `ahead`, which keeps the others busy, and then what `make` does there. Repeated until `behind` does not
   * have the row of `unknown`: the machine may be faster for it.
   */
  async function unseen<T extends { readonly unknown: string }>(make: () => Promise<T>): Promise<T> {
    for (let tries = 0; tries < 20; tries += 1) {
      await ahead.dataSource.query('TRUNCATE large');
      await caughtUp();
      await ahead.dataSource.query(`INSERT INTO large SELECT seq, REPEAT('x', 100) FROM seq_1_to_${LARGE}`);
      const made = await make();
      if ((await database.query(`SELECT 1 FROM ${made.unknown}`)).length === 0) return made;
    }
    throw new Error('The node never falls behind.');
  }

  /** A job that is held by `owner`, which `behind` does not know yet. */
  async function unseenJob(owner: string): Promise<string> {
    const { gid } = await unseen(async () => {
      const job = newJob({ owner, dueIn: 60_000 });
      await ahead.store.insert([job]);
      return { gid: job.gid, unknown: `stepping_jobs WHERE gid = '${job.gid}'` };
    });
    return gid;
  }

  async function caughtUp(): Promise<void> {
    await database.query('SET STATEMENT wsrep_sync_wait = 1 FOR SELECT 1');
  }

  describe('whether a transaction has committed', () => {
    let barrierAhead: Barrier;
    let barrierBehind: Barrier;

    beforeAll(async () => {
      [barrierAhead, barrierBehind] = [ahead, behind].map(({ dialect, connection }) =>
        barrierFor(dialect, connection, { lockTimeout: 300 }),
      ) as [Barrier, Barrier];
      for (const barrier of [barrierAhead, barrierBehind]) await barrier.initialize(true);
    });

    /** A transaction that has committed with its barrier row, which `behind` does not know yet. */
    async function unseenCommit(key: { branchId?: string; op?: string } = {}): Promise<string> {
      const { gid } = await unseen(async () => {
        const made = randomUUID();
        await onRunner(ahead.dataSource, async (runner) => {
          expect(await barrierAhead.insert(runner, { gid: made, ...key })).toBe(true);
          await runner.commitTransaction();
        });
        return { gid: made, unknown: `stepping_barrier WHERE gid = '${made}'` };
      });
      return gid;
    }

    it('is not denied by a node that does not know it yet', async () => {
      const gid = await unseenCommit();
      const answer = await barrierBehind.queryPrepared(gid).catch((error: unknown) => error);
      if (answer !== 'committed') expect(answer).toBeInstanceOf(UnresolvedTransactionError);
      await caughtUp();
      expect(await barrierBehind.queryPrepared(gid)).toBe('committed');
      expect(await barrierAhead.queryPrepared(gid)).toBe('committed');
    });

    it('nor can it commit after a node that did not know it has denied it', async () => {
      const gid = randomUUID();
      await onRunner(ahead.dataSource, async (runner) => {
        expect(await barrierAhead.insert(runner, { gid })).toBe(true);
        expect(await barrierBehind.queryPrepared(gid)).toBe('rolledBack');
        await expect(runner.commitTransaction()).rejects.toMatchObject({ errno: 1213 });
      });
      expect(await barrierAhead.queryPrepared(gid)).toBe('rolledBack');
    });

    it('is known at once, as is the mark of a step', async () => {
      expect(await barrierBehind.isCommitted(await unseenCommit())).toBe(true);
      expect(await barrierBehind.isDone(await unseenCommit({ branchId: '01', op: 'action' }), '01')).toBe(
        true,
      );
    });
  });

  it('know at once that a message has been received', async () => {
    const [inboxAhead, inboxBehind] = [ahead, behind].map(({ dialect, connection }) =>
      inboxFor(dialect, connection),
    ) as [InboxStore, InboxStore];
    for (const inbox of [inboxAhead, inboxBehind]) await inbox.initialize(true);
    const { id } = await unseen(async () => {
      const made = randomUUID();
      await onRunner(ahead.dataSource, async (runner) => {
        expect(await inboxAhead.mark(runner, { consumer: 'billing', id: made })).toBe(true);
        await runner.commitTransaction();
      });
      return { id: made, unknown: `stepping_inbox WHERE message_id = '${made}'` };
    });
    expect(await inboxBehind.isMarked({ consumer: 'billing', id })).toBe(true);
  });

  it('find a job, and who holds it, at once', async () => {
    const held = await unseenJob('me');
    expect(await behind.store.held([{ gid: held, owner: 'me' }])).toEqual(new Set([held]));
    expect(await behind.store.find(await unseenJob('me'))).toMatchObject({
      status: 'submitted',
      owner: 'me',
    });
  });

  it('store the progress of a job that was started at another one a moment ago', async () => {
    const gid = await unseenJob('me');
    expect(await behind.store.change([end(gid, 'me')])).toEqual(new Set([gid]));
  });

  it('let nobody write who does not know yet that the job was taken over', async () => {
    const { gid } = await unseen(async () => {
      const job = newJob({ owner: 'old', dueIn: -1000 });
      await ahead.store.insert([job]);
      await caughtUp();
      await ahead.dataSource.query('DELETE FROM large');
      expect((await claimAll(ahead.store, 'new')).map((claimed) => claimed.gid)).toEqual([job.gid]);
      return { gid: job.gid, unknown: `stepping_jobs WHERE gid = '${job.gid}' AND owner = 'new'` };
    });
    const { dataSource, store } = behind;
    const step = onRunner(dataSource, async (runner) => {
      // It may have learned of it by now.
      if (!(await store.changeIn(runner, end(gid, 'old')))) return 'refused';
      await runner.commitTransaction();
      return 'committed';
    });
    const outcome = await step.catch((error: { errno?: number }) => error.errno);
    expect([1213, 'refused']).toContain(outcome);
    expect(await store.change([end(gid, 'old')])).toEqual(new Set());
    expect(await store.renew([{ gid, owner: 'old' }], 60_000)).toEqual(new Set());
    expect(await store.find(gid)).toMatchObject({ status: 'submitted', owner: 'new' });
  });

  it('give each due job to one of those that claim at all of them at once', async () => {
    const jobs = Array.from({ length: 60 }, () => newJob());
    await behind.store.insert(jobs);
    await caughtUp();
    const claimed = new Map<string, string[]>();
    const stores = [ahead.store, behind.store, third.store];
    const line = async (place: number): Promise<void> => {
      const owner = `owner-${place}`;
      for (const store of [stores[place]!]) {
        for (let round = 0; round < 20; round += 1) {
          const found = await store.claim({ owner, limit: 5, leaseDuration: 60_000, steps: ['first'] });
          for (const { gid } of found) claimed.set(gid, [...(claimed.get(gid) ?? []), owner]);
        }
      }
    };
    await Promise.all(stores.map((_, place) => line(place)));
    expect(claimed.size).toBe(jobs.length);
    expect([...claimed.values()].filter((owners) => owners.length > 1)).toEqual([]);
    for (const [gid, [owner]] of claimed) expect(await ahead.store.find(gid)).toMatchObject({ owner });
    expect(await claimAll(behind.store, 'late')).toEqual([]);
  });

  it('get no further statement on a connection over which one has said that it serves nobody', async () => {
    const open = await openDataSource(at(nodes[2]!, database), { extra: { poolSize: 1 } });
    const connectionId = async () => (await open.dataSource.query('SELECT CONNECTION_ID() AS id'))[0].id;
    try {
      await open.store.initialize(false);
      const before = await connectionId();
      await third.dataSource.query('SET GLOBAL wsrep_reject_queries = ALL');
      await expect(open.store.find('any')).rejects.toMatchObject({ cause: { errno: 1047 } });
      await third.dataSource.query('SET GLOBAL wsrep_reject_queries = NONE');
      expect(await open.store.find('any')).toBeNull();
      expect(await connectionId()).not.toBe(before);
    } finally {
      await third.dataSource.query('SET GLOBAL wsrep_reject_queries = NONE');
      await open.close();
    }
  });

  it('create the tables although locks by name are each of one node only', async () => {
    const fresh = await createDatabase('mariadb');
    const opened = await Promise.all(
      [0, 1, 2, 0, 1, 2].map((node) => openDataSource(at(nodes[node]!, fresh))),
    );
    try {
      await Promise.all(opened.map(({ store }) => store.initialize(true)));
      for (const { store } of opened) await store.initialize(false);
    } finally {
      for (const open of opened) await open.close();
      await fresh.drop();
    }
  });
});
