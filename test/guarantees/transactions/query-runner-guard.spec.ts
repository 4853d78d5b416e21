import type { EntitySubscriberInterface, InsertEvent } from 'typeorm';
import { expect, it } from 'vitest';
import { suiteApplication } from '../../support/suite-application.js';
import { connect, TestApplication } from '../../support/application.js';
import { createDatabase } from '../../support/database.js';
import { Databases, describePlacements } from '../../support/placements.js';
import { expectNeverRan, expectRanOnce, startPing } from '../../support/fates.js';
import { Order } from '../../support/order.entity.js';
import { Ping } from '../../support/steps.js';

/** `requireTransaction: false`, so that only the guard can refuse a job. */
describePlacements(
  'a transaction that was begun with queryRunner.startTransaction()',
  (backend, placement) => {
    let databases: Databases;
    let app: TestApplication;
    suiteApplication(backend, placement, (started) => ({ databases, app } = started));

    const notPassed = { code: 'STEPPING_TRANSACTION_NOT_PASSED' };

    it('refuses a job that does not name it, and takes one that does', async () => {
      const runner = app.dataSource.createQueryRunner();
      await runner.startTransaction();
      const unnamed = app.jobs.createJob().addStep(Ping);
      await expect(unnamed.start()).rejects.toMatchObject(notPassed);
      const { gid } = await app.jobs.createJob({ transaction: runner }).addStep(Ping).start();
      await runner.commitTransaction();
      await runner.release();
      await expectRanOnce(app, gid);
      await expectNeverRan(app, unnamed.gid);
    });

    it('is seen by what it calls, and over when it has ended', async () => {
      const runner = app.dataSource.createQueryRunner();
      await runner.startTransaction();
      const later = async (): Promise<string> => startPing(app);
      await expect(later()).rejects.toMatchObject(notPassed);
      await runner.rollbackTransaction();
      await expectRanOnce(app, await later());
      // The same runner, where all callers share one, in a transaction that has nothing to do with the first.
      const gid = await app.dataSource.transaction(later);
      await runner.release();
      await expectRanOnce(app, gid);
    });

    it('is what save() leaves around subscribers', async () => {
      let passes = false;
      let gid = '';
      const subscriber: EntitySubscriberInterface<Order> = {
        listenTo: () => Order,
        async afterInsert({ queryRunner }: InsertEvent<Order>) {
          const job = app.jobs.createJob(passes ? { transaction: queryRunner } : {}).addStep(Ping);
          gid = (await job.start()).gid;
        },
      };
      app.dataSource.subscribers.push(subscriber);
      try {
        const orders = app.dataSource.getRepository(Order);
        await expect(orders.save({ id: 'unnamed' })).rejects.toMatchObject(notPassed);
        expect(await orders.countBy({ id: 'unnamed' })).toBe(0);
        passes = true;
        await orders.save({ id: 'named' });
        await expectRanOnce(app, gid);
        passes = false;
        await app.dataSource.transaction((manager) => manager.save(Order, { id: 'ambient' }));
        await expectRanOnce(app, gid);
      } finally {
        app.dataSource.subscribers.splice(app.dataSource.subscribers.indexOf(subscriber), 1);
      }
    });

    it('is never joined by a sibling, which starts its own job once it is over', async () => {
      const runner = app.dataSource.createQueryRunner();
      let finish!: () => void;
      const finished = new Promise<void>((resolve) => (finish = resolve));
      const holder = async (): Promise<void> => {
        await runner.startTransaction();
        await finished;
        await runner.rollbackTransaction();
      };
      const sibling = async (): Promise<string> => {
        // The context of the caller is that of both: the guard may be seen here, and then refuses.
        await expect(startPing(app)).rejects.toMatchObject(notPassed);
        finish();
        await ended;
        return startPing(app);
      };
      const ended = holder();
      const gid = await sibling();
      await runner.release();
      await expectRanOnce(app, gid);
    });

    it('around dataSource.transaction() leaves the job to the inner one, and is there again after it', async () => {
      const runner = app.dataSource.createQueryRunner();
      await runner.startTransaction();
      const gid = await app.dataSource.transaction(() => startPing(app));
      await expect(startPing(app)).rejects.toMatchObject(notPassed);
      await runner.rollbackTransaction();
      await runner.release();
      // Where all share one connection, the inner one is a savepoint of it.
      if (backend === 'sqlite') await expectNeverRan(app, gid);
      else await expectRanOnce(app, gid);
    });

    it('that a helper opens inside dataSource.transaction() refuses there, and its caller stays in the outer one', async () => {
      const helper = async (): Promise<void> => {
        // Not in the caller's own tick, which would be the caller's context.
        await Promise.resolve();
        const runner = app.dataSource.createQueryRunner();
        await runner.startTransaction();
        if (backend !== 'sqlite') await expect(startPing(app)).rejects.toMatchObject(notPassed);
        await runner.commitTransaction();
        await runner.release();
      };
      let gid = '';
      const refused = app.dataSource.transaction(async () => {
        await helper();
        gid = await startPing(app);
        throw new Error('rolled back');
      });
      await expect(refused).rejects.toThrow('rolled back');
      await expectNeverRan(app, gid);
    });

    it('of a DataSource that the application does not provide is not seen: such a job is refused, or names it', async () => {
      const database = await createDatabase(backend);
      const unknown = await connect(database, { name: 'unknown' });
      const strict = await TestApplication.start(databases, { module: { requireTransaction: true } });
      try {
        await unknown.transaction(async () => {
          await expect(startPing(strict)).rejects.toMatchObject({ code: 'STEPPING_TRANSACTION_REQUIRED' });
        });
      } finally {
        await strict.close();
        await unknown.destroy();
        await database.drop();
      }
    });

    it('is not left by dataSource.transaction(), neither inside nor beside it', async () => {
      let open!: () => void;
      let end!: () => void;
      const opened = new Promise<void>((resolve) => (open = resolve));
      const ended = new Promise<void>((resolve) => (end = resolve));
      const gids: string[] = [];
      const transaction = app.dataSource.transaction(async (manager) => {
        gids.push(await startPing(app));
        await manager.transaction(async () => void gids.push(await startPing(app)));
        open();
        await ended;
      });
      await opened;
      // On SQLite this one waits for the end of the transaction.
      const beside = startPing(app);
      end();
      await transaction;
      for (const gid of [...gids, await beside]) await expectRanOnce(app, gid);
    });
  },
  undefined,
  ['one'],
);
