import { expect, it } from 'vitest';
import {
  InvalidTransactionError,
  TransactionEndedError,
  TransactionNotActiveError,
} from '../../../lib/index.js';
import { suiteApplication } from '../../support/suite-application.js';
import { connect, TestApplication } from '../../support/application.js';
import { Databases, describeManagers } from '../../support/placements.js';
import { expectNeverRan, expectRanOnce } from '../../support/fates.js';
import { Order } from '../../support/order.entity.js';
import { Ping } from '../../support/steps.js';

describeManagers(
  'a transaction that is passed',
  (backend, placement) => {
    let databases: Databases;
    let app: TestApplication;
    suiteApplication(backend, placement, (started) => ({ databases, app } = started));

    const start = async (transaction: object) =>
      (
        await app.jobs
          .createJob({ transaction: transaction as never })
          .addStep(Ping)
          .start()
      ).gid;

    it('may be a QueryRunner', async () => {
      const runner = app.dataSource.createQueryRunner();
      await runner.startTransaction();
      const committed = await start(runner);
      await runner.commitTransaction();
      await runner.release();
      await expectRanOnce(app, committed);
    });

    it('may be a QueryRunner that rolls back', async () => {
      const runner = app.dataSource.createQueryRunner();
      await runner.startTransaction();
      const rolledBack = await start(runner);
      await runner.rollbackTransaction();
      await runner.release();
      await expectNeverRan(app, rolledBack);
    });

    it('may be the EntityManager of a QueryRunner or of a callback', async () => {
      const runner = app.dataSource.createQueryRunner();
      await runner.startTransaction();
      const first = await start(runner.manager);
      await runner.rollbackTransaction();
      await runner.release();
      const second = await app.dataSource.transaction(start);
      await expectRanOnce(app, second);
      await expectNeverRan(app, first);
    });

    it('comes before the one around the caller', async ({ skip }) => {
      if (backend === 'sqlite') skip('an SQLite DataSource is one connection with one transaction');
      const runner = app.dataSource.createQueryRunner();
      await runner.startTransaction();
      const failing = app.dataSource.transaction(async () => {
        const gid = await start(runner);
        await runner.commitTransaction();
        await expectRanOnce(app, gid);
        throw new Error('no');
      });
      await expect(failing).rejects.toThrow('no');
      await runner.release();
    });

    it('may be the second, or third, on one QueryRunner', async () => {
      const runner = app.dataSource.createQueryRunner();
      const gids: string[] = [];
      for (const end of ['commitTransaction', 'rollbackTransaction', 'commitTransaction'] as const) {
        await runner.startTransaction();
        await runner.manager.insert(Order, { id: `reused-${gids.length}` });
        gids.push(await start(runner));
        await runner[end]();
      }
      await runner.release();
      await expectRanOnce(app, gids[0]!);
      await expectRanOnce(app, gids[2]!);
      await expectNeverRan(app, gids[1]!);
    });

    it('is refused without an active transaction', async () => {
      const runner = app.dataSource.createQueryRunner();
      expect(() => app.jobs.createJob({ transaction: runner })).toThrow(TransactionNotActiveError);
      expect(() => app.jobs.createJob({ transaction: runner.manager })).toThrow(TransactionNotActiveError);
      expect(() => app.jobs.createJob({ transaction: app.dataSource.manager })).toThrow(
        TransactionNotActiveError,
      );
      const itself = () => app.jobs.createJob({ transaction: app.dataSource as never });
      expect(itself).toThrow(/takes an EntityManager, .*; got an instance of DataSource/);
      await runner.release();
    });

    it('is refused in beforeTransactionStart, where it has not begun', async () => {
      const { subscribers } = app.dataSource;
      subscribers.push({
        beforeTransactionStart: async ({ queryRunner }) => void (await start(queryRunner)),
      });
      try {
        const starting = app.dataSource.transaction(async () => undefined);
        await expect(starting).rejects.toThrow(TransactionNotActiveError);
      } finally {
        subscribers.pop();
      }
    });

    it('is refused when it is finished, or its QueryRunner released', async () => {
      const own = await connect(databases.business, { entities: [], synchronize: false });
      try {
        const runner = own.createQueryRunner();
        await runner.startTransaction();
        const early = app.jobs.createJob({ transaction: runner }).addStep(Ping);
        await runner.commitTransaction();
        expect(() => app.jobs.createJob({ transaction: runner })).toThrow(TransactionNotActiveError);
        await expect(early.start()).rejects.toBeInstanceOf(TransactionNotActiveError);
        await runner.release();
        expect(() => app.jobs.createJob({ transaction: runner })).toThrow(TransactionNotActiveError);
      } finally {
        await own.destroy();
      }
    });

    it('is refused when a job of it has been committed already', async () => {
      const runner = app.dataSource.createQueryRunner();
      await runner.startTransaction();
      await start(runner);
      const late = app.jobs.createJob({ transaction: runner }).addStep(Ping);
      await runner.commitTransaction();
      await expect(late.start()).rejects.toBeInstanceOf(TransactionEndedError);
      expect(await app.admin.find(late.gid)).toBeNull();
      await runner.release();
    });

    it.each([
      null,
      0,
      '',
      'ambient',
      true,
      {},
      [],
      () => undefined,
      new Date(),
      Symbol('x'),
      { transaction: 1 },
    ])('is refused when it is none: %s', (garbage) => {
      expect(() => app.jobs.createJob({ transaction: garbage as never })).toThrow(InvalidTransactionError);
    });
  },
  { atDtm: ['postgres'] },
);
