import type { EntitySubscriberInterface } from 'typeorm';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { SteppingOperations } from '../../../lib/index.js';
import { suiteApplication } from '../../support/suite-application.js';
import { TestApplication } from '../../support/application.js';
import { type Databases, describePlacements } from '../../support/placements.js';
import { expectRanOnce, startPing } from '../../support/fates.js';
import { Order } from '../../support/order.entity.js';
import { Ping } from '../../support/steps.js';
import { storedJob } from '../../support/stored-job.js';

/** One connection for everybody: nobody may wait for himself, or join what is not his. */
describePlacements(
  'the only connection of an SQLite DataSource',
  (backend, placement) => {
    let app: TestApplication;
    let databases: Databases;
    suiteApplication(backend, placement, (started) => ({ app, databases } = started));
    afterEach(() => {
      app.dataSource.subscribers.length = 0;
    });

    const subscribe = (subscriber: EntitySubscriberInterface): void => {
      app.dataSource.subscribers.push(subscriber);
    };

    /** Whoever comes from elsewhere has another asynchronous context. */
    const elsewhere = <T>(work: () => Promise<T>): Promise<T> =>
      new Promise((resolve, reject) => outside(() => void work().then(resolve, reject)));
    let outside!: (work: () => void) => void;
    beforeAll(() => {
      const queue: (() => void)[] = [];
      const timer = setInterval(() => queue.splice(0).forEach((work) => work()), 5);
      timer.unref();
      outside = (work) => void queue.push(work);
    });

    it('takes a second startTransaction() after the first has ended, not as a savepoint of it', async () => {
      const first = app.dataSource.createQueryRunner();
      await first.startTransaction();
      await first.manager.insert(Order, { id: 'rolled back' });
      const second = elsewhere(async () => {
        const runner = app.dataSource.createQueryRunner();
        await runner.startTransaction();
        await runner.manager.insert(Order, { id: 'second' });
        const { gid } = await app.jobs.createJob({ transaction: runner }).addStep(Ping).start();
        await runner.commitTransaction();
        return gid;
      });
      const third = elsewhere(() =>
        app.dataSource.transaction(async (manager) => {
          await manager.insert(Order, { id: 'third' });
          return startPing(app);
        }),
      );
      await new Promise((resolve) => setTimeout(resolve, 50));
      await first.rollbackTransaction();
      await expectRanOnce(app, await second);
      await expectRanOnce(app, await third);
      expect((await app.dataSource.getRepository(Order).find()).map(({ id }) => id).toSorted()).toEqual([
        'second',
        'third',
      ]);
    });

    it('refuses a transaction after 5 seconds, and says where the other one began', async () => {
      const first = app.dataSource.createQueryRunner();
      await first.startTransaction();
      const began = performance.now();
      const refused = {
        code: 'STEPPING_CONNECTION_IN_TRANSACTION',
        began: expect.stringContaining('sqlite-connection.spec'),
      };
      const second = elsewhere(() => app.dataSource.createQueryRunner().startTransaction());
      const third = elsewhere(() => app.dataSource.transaction(async () => undefined));
      const both = await Promise.allSettled([second, third]);
      await first.rollbackTransaction();
      expect(both).toMatchObject([{ reason: refused }, { reason: refused }]);
      expect(performance.now() - began).toBeLessThan(10_000);
    });

    it('goes on after a BEGIN that failed, as when somebody had sent one by hand', async () => {
      await app.dataSource.query('BEGIN');
      const runner = app.dataSource.createQueryRunner();
      await expect(elsewhere(() => runner.startTransaction())).rejects.toThrow('within a transaction');
      await expect(runner.rollbackTransaction()).rejects.toThrow('not started');
      await app.dataSource.query('COMMIT');
      await expectRanOnce(app, await app.dataSource.transaction(() => startPing(app)));
      await runner.startTransaction();
      const { gid } = await app.jobs.createJob({ transaction: runner }).addStep(Ping).start();
      await runner.commitTransaction();
      await expectRanOnce(app, gid);
    });

    it('goes on after a BEGIN that failed while the DataSource was closed', async () => {
      await app.dataSource.destroy();
      const runner = app.dataSource.createQueryRunner();
      await expect(elsewhere(() => runner.startTransaction())).rejects.toThrow();
      await app.dataSource.initialize();
      await expectRanOnce(app, await app.dataSource.transaction(() => startPing(app)));
    });

    it('does not wait for itself in the hooks of a transaction', async () => {
      const gids: string[] = [];
      let armed = true;
      const inHook = async (): Promise<void> => {
        if (!armed) return;
        armed = false;
        gids.push((await app.jobs.createJob({ transaction: 'none' }).addStep(Ping).start()).gid);
        expect(await app.admin.find(gids.at(-1)!)).not.toBeNull();
        gids.push(await app.dataSource.transaction(() => startPing(app)));
        armed = false;
      };
      subscribe({ afterTransactionCommit: inHook, afterTransactionRollback: inHook });
      const began = performance.now();
      gids.push(await app.dataSource.transaction(() => startPing(app)));
      armed = true;
      await expect(app.dataSource.transaction(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
      const runner = app.dataSource.createQueryRunner();
      armed = true;
      await runner.startTransaction();
      await runner.commitTransaction();
      expect(performance.now() - began).toBeLessThan(5_000);
      expect(gids).toHaveLength(7);
      for (const gid of gids) await expectRanOnce(app, gid);
    });

    it('pauses and resumes a step inside a transaction, and takes a pause back with it', async () => {
      const operations = app.context.get(SteppingOperations);
      const inside = app.dataSource.transaction(async () => {
        await operations.pause('ping', { reason: 'taken back' });
        throw new Error('no');
      });
      await expect(inside).rejects.toThrow('no');
      await expectRanOnce(app, await app.dataSource.transaction(() => startPing(app)));
      await app.dataSource.transaction(() => operations.pause('ping', { reason: 'kept' }));
      const gid = await app.dataSource.transaction(() => startPing(app));
      expect(await storedJob(databases, gid)).toMatchObject({ owner: null, status: 'submitted' });
      expect(await app.dataSource.transaction(() => operations.resume('ping'))).toBe(true);
      await expectRanOnce(app, gid);
      expect(await app.dataSource.transaction(() => operations.resume('ping'))).toBe(false);
    });

    it('pauses a step in a hook after the COMMIT', async () => {
      const operations = app.context.get(SteppingOperations);
      const resumed: boolean[] = [];
      subscribe({
        async afterTransactionCommit() {
          if (resumed.push(false) > 1) return;
          await operations.pause('ping', { reason: 'in a hook' });
          resumed[0] = await operations.resume('ping');
        },
      });
      await app.dataSource.transaction((manager) => manager.insert(Order, { id: 'pausing' }));
      expect(resumed[0]).toBe(true);
    });

    it('runs a job that beforeTransactionCommit started first, at once', async () => {
      let gid = '';
      subscribe({
        async beforeTransactionCommit({ queryRunner }) {
          if (gid === '')
            gid = (await app.jobs.createJob({ transaction: queryRunner }).addStep(Ping).start()).gid;
        },
      });
      await app.dataSource.transaction((manager) => manager.insert(Order, { id: 'hooked' }));
      await expectRanOnce(app, gid);
    });

    it('lets timers run during a loop of awaited calls', async () => {
      const { gid } = await app.jobs.createJob({ transaction: 'none', delay: '1h' }).addStep(Ping).start();
      let ticks = 0;
      const timer = setInterval(() => (ticks += 1), 5);
      const end = performance.now() + 500;
      while (performance.now() < end) await app.admin.find(gid);
      clearInterval(timer);
      expect(ticks).toBeGreaterThan(5);
      await app.admin.cancel(gid);
    });

    it('lets timers run during a loop of answers that are kept for a moment', async () => {
      const operations = app.context.get(SteppingOperations);
      let ticks = 0;
      const timer = setInterval(() => (ticks += 1), 5);
      const end = performance.now() + 500;
      while (performance.now() < end) await operations.overview();
      clearInterval(timer);
      expect(ticks).toBeGreaterThan(5);
    });

    it('lets timers run during a loop of starts in one transaction', async () => {
      let ticks = 0;
      const timer = setInterval(() => (ticks += 1), 5);
      await app.dataSource.transaction(async () => {
        const end = performance.now() + 500;
        while (performance.now() < end) await app.jobs.createJob({ delay: '1h' }).addStep(Ping).start();
      });
      clearInterval(timer);
      expect(ticks).toBeGreaterThan(5);
    });
  },
  ['sqlite'],
  ['one'],
);
