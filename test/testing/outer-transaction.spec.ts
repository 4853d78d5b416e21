import { DataSource, type QueryRunner } from 'typeorm';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { describeBackends } from '../support/database.js';
import { Effect, Order } from '../support/order.entity.js';
import { Ping, WriteEffect } from '../support/steps.js';
import { TestedApplication, type TestedApplicationOptions } from './tested-application.js';

/** What typeorm-transactional-tests does: one query runner for everybody, in a transaction that is rolled back at the end. */
class OuterTransaction {
  private readonly create = DataSource.prototype.createQueryRunner;
  private constructor(private readonly runner: QueryRunner) {}

  static async begin(dataSource: DataSource): Promise<OuterTransaction> {
    const runner = dataSource.createQueryRunner();
    const outer = new OuterTransaction(runner);
    runner.release = async () => {};
    DataSource.prototype.createQueryRunner = () => runner;
    await runner.startTransaction();
    return outer;
  }

  async rollBack(): Promise<void> {
    await this.runner.rollbackTransaction();
    DataSource.prototype.createQueryRunner = this.create;
    Object.assign(this.runner, {
      release: (Object.getPrototypeOf(this.runner) as QueryRunner).release,
    });
    await this.runner.release();
  }
}

describeBackends(
  'a transaction around the whole test',
  (backend) => {
    let app: TestedApplication;
    let outer: OuterTransaction | undefined;

    const begin = async (options: TestedApplicationOptions = {}): Promise<void> => {
      app = await TestedApplication.start({
        backend,
        module: { requireTransaction: undefined },
        ...options,
      });
      outer = await OuterTransaction.begin(app.dataSource);
    };
    const rollBack = async (): Promise<void> => {
      await outer?.rollBack();
      outer = undefined;
    };
    beforeEach(() => (outer = undefined));
    afterEach(async () => {
      await rollBack();
      await app.close();
    });

    /** A use case of the application. */
    const place = (id: string, fail = false): Promise<string> =>
      app.dataSource.transaction(async (manager) => {
        await manager.insert(Order, { id });
        const { gid } = await app.jobs
          .createJob()
          .addStep(Ping)
          .addStep(WriteEffect, { orderId: id })
          .start();
        if (fail) throw new Error('the order is refused');
        return gid;
      });

    it('leaves its jobs to drain(), and nothing in the database', async () => {
      await begin();
      const first = await place('a');
      await expect(place('refused', true)).rejects.toThrow('the order is refused');
      expect((await app.stepping.drain()).ran).toMatchObject([
        { gid: first, step: 'ping', outcome: 'succeeded' },
        { gid: first, step: 'write-effect', outcome: 'succeeded' },
      ]);
      const second = await place('b');
      expect((await app.stepping.drain()).ran.map(({ gid }) => gid)).toEqual([second, second]);
      expect(await app.dataSource.getRepository(Order).count()).toBe(2);
      expect(await app.dataSource.getRepository(Effect).count()).toBe(2);
      await rollBack();
      expect(await app.dataSource.getRepository(Order).count()).toBe(0);
      expect(await app.dataSource.getRepository(Effect).count()).toBe(0);
    });

    it('takes the commit of the outermost transaction() of the application for the commit', async () => {
      await begin();
      await app.dataSource.transaction(async (manager) => {
        await manager.transaction(async () => void (await place('nested')));
        expect((await app.stepping.drain()).ran).toEqual([]);
        await expect(place('refused', true)).rejects.toThrow();
      });
      expect((await app.stepping.drain()).ran).toHaveLength(2);
    });

    it('takes the commit of a query runner for the commit of the jobs that name it', async () => {
      await begin();
      const placeByHand = async (id: string, fail = false): Promise<string> => {
        const runner = app.dataSource.createQueryRunner();
        await runner.connect();
        await runner.startTransaction();
        try {
          await runner.manager.insert(Order, { id });
          const { gid } = await app.jobs.createJob({ transaction: runner }).addStep(Ping).start();
          if (fail) throw new Error('the order is refused');
          await runner.commitTransaction();
          return gid;
        } catch (error) {
          await runner.rollbackTransaction();
          throw error;
        } finally {
          await runner.release();
        }
      };
      const first = await placeByHand('a');
      await expect(placeByHand('refused', true)).rejects.toThrow('the order is refused');
      expect((await app.stepping.drain()).ran.map(({ gid }) => gid)).toEqual([first]);
      const second = await placeByHand('b');
      expect((await app.stepping.drain()).ran.map(({ gid }) => gid)).toEqual([second]);
    });

    it('takes the commit of the outermost transaction() for that of a job that names its manager', async () => {
      await begin();
      await app.dataSource.transaction(async (outermost) => {
        await outermost.transaction(
          async (manager) => void (await app.jobs.createJob({ transaction: manager }).addStep(Ping).start()),
        );
        expect((await app.stepping.drain()).ran).toEqual([]);
      });
      expect((await app.stepping.drain()).ran).toHaveLength(1);
    });

    it('lets a transactional step that fails roll back no more than its own work', async () => {
      await begin();
      await place('a');
      app.recording.onExecute = ({ step, attempt }) => {
        if (step === 'write-effect' && attempt === 1) throw new Error('not yet');
      };
      await app.stepping.advance('1m');
      expect(await app.dataSource.getRepository(Order).count()).toBe(1);
      expect(await app.dataSource.getRepository(Effect).count()).toBe(1);
    });

    it('is refused where jobs are kept in the database', async () => {
      await begin({ store: 'typeorm' });
      await expect(place('a')).rejects.toMatchObject({
        code: 'STEPPING_TESTING_USAGE',
        message: expect.stringContaining("new SteppingTesting({ store: 'memory' })"),
      });
      const runner = app.dataSource.createQueryRunner();
      await runner.startTransaction();
      const named = app.jobs.createJob({ transaction: runner }).addStep(Ping).start();
      await expect(named).rejects.toMatchObject({ code: 'STEPPING_TESTING_USAGE' });
      await runner.rollbackTransaction();
    });
  },
  ['postgres', 'mariadb'],
);
