import { Logger } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import type { EntityManager } from 'typeorm';
import { Step, type StepContext, type StepHandler } from '../../../lib/index.js';
import { TestApplication } from '../../support/application.js';
import { Databases, describeManagers } from '../../support/placements.js';
import { BusinessEffect } from '../../support/business-effect.step.js';
import { Effect } from '../../support/order.entity.js';
import { Recording } from '../../support/recording.js';
import { Ping, SendEmail, WriteEffect } from '../../support/steps.js';
import { describeBackends, itWhere } from '../../support/database.js';
import { collectGarbage } from '../../support/collect-garbage.js';
import { waitFor } from '../../support/wait-for.js';

/** In the database of the jobs, which is not the application's default one. */
@Step({
  name: 'store-effect',
  transactional: { dataSource: 'jobs' },
  retry: { delay: 5, maxDelay: 5, jitter: false },
})
class StoreEffect implements StepHandler {
  constructor(private readonly recording: Recording) {}
  async execute(_: void, context: StepContext<EntityManager>): Promise<void> {
    await context.manager.query(`INSERT INTO store_effects VALUES ('${context.idempotencyKey}')`);
    await this.recording.note('store-effect', undefined, context as unknown as StepContext);
  }
}

describeManagers(
  'a transactional step',
  (backend, placement) => {
    let databases: Databases;
    let app: TestApplication;

    beforeAll(async () => {
      databases = await Databases.create(backend, placement);
      await databases.store.query('CREATE TABLE store_effects (id varchar(200))');
      app = await TestApplication.start(databases, {
        providers: placement === 'two' ? [BusinessEffect, StoreEffect] : [BusinessEffect],
      });
    });
    afterAll(async () => {
      await app?.close();
      await databases?.drop();
    });
    beforeEach(() => {
      app.recording.onExecute = () => undefined;
    });
    afterEach(() => void vi.restoreAllMocks());

    const effectsOf = (gid: string) => app.dataSource.getRepository(Effect).countBy({ key: `${gid}:0` });
    const start = (gid?: string) =>
      app.dataSource.transaction(() =>
        app.jobs
          .createJob({ ...(gid !== undefined && { gid }) })
          .addStep(BusinessEffect, {})
          .addStep(SendEmail, { orderId: '1' })
          .start(),
      );
    const managerOf = (context: StepContext) => context.manager as EntityManager;

    it('leaves nothing of an attempt that failed, and its effects once', async () => {
      const seen: number[] = [];
      // DTM doubles its wait each time.
      const last = app.atDtm ? 2 : 3;
      app.recording.onExecute = async ({ gid, step, attempt }, context) => {
        if (step !== 'business-effect') return;
        seen.push(await managerOf(context).countBy(Effect, { key: `${gid}:0` }));
        if (attempt < last) throw new Error('not yet');
      };
      const { gid } = await start();
      expect(await app.ended(gid)).toMatchObject({
        status: 'succeeded',
        steps: [{ attempts: app.attempts(last) }, { attempts: 1 }],
      });
      expect(seen).toEqual(Array.from({ length: last }, () => 1));
      expect(await effectsOf(gid)).toBe(1);
    });

    it("runs in the application's default database", async () => {
      app.recording.onExecute = ({ attempt }) => {
        if (attempt === 1) throw new Error('not yet');
      };
      const { gid } = await app.jobs
        .createJob({ transaction: 'none' })
        .addStep(WriteEffect, { orderId: '1' })
        .start();
      expect(await app.ended(gid)).toMatchObject({
        status: 'succeeded',
        steps: [{ attempts: app.attempts(2) }],
      });
      expect(app.recording.of(gid)).toHaveLength(2);
      expect(await effectsOf(gid)).toBe(1);
    });

    itWhere(placement === 'two')('runs in the database of the jobs, if it says so', async () => {
      app.recording.onExecute = ({ attempt }) => {
        if (attempt === 1) throw new Error('not yet');
      };
      const { gid } = await app.jobs.createJob({ transaction: 'none' }).addStep(StoreEffect).start();
      expect(await app.ended(gid)).toMatchObject({ status: 'succeeded', steps: [{ attempts: 2 }] });
      expect(await databases.store.query(`SELECT id FROM store_effects WHERE id = '${gid}:0'`)).toHaveLength(
        1,
      );
    });

    it('fails when the database gave its transaction up and the step swallowed the error', async () => {
      app.recording.onExecute = async ({ step, attempt }, context) => {
        if (step !== 'business-effect' || attempt > 1) return;
        await managerOf(context)
          .query('SELECT 1 FROM missing_table')
          .catch(() => undefined);
      };
      const { gid } = await start();
      // PostgreSQL would answer its COMMIT with ROLLBACK; the others lose nothing but the statement.
      const attempts = backend === 'postgres' ? 2 : 1;
      expect(await app.ended(gid)).toMatchObject({
        status: 'succeeded',
        steps: [{ attempts: app.attempts(attempts) }, { attempts: 1 }],
      });
      expect(app.recording.of(gid)).toHaveLength(attempts + 1);
      expect(await effectsOf(gid)).toBe(1);
    });

    it('fails when it has ended its transaction itself', async () => {
      const warnings = vi.spyOn(Logger.prototype, 'warn');
      const errors: unknown[] = [];
      app.recording.onExecute = async ({ gid, step, attempt }, context) => {
        if (step !== 'business-effect') return;
        if (attempt > 1) errors.push((await app.admin.find(gid))?.error);
        else await managerOf(context).query('ROLLBACK');
      };
      const { gid } = await start();
      expect(await app.ended(gid)).toMatchObject({
        status: 'succeeded',
        steps: [{ attempts: app.attempts(2) }, { attempts: 1 }],
      });
      // DTM keeps no errors of steps, so it is in the log only.
      expect(errors).toEqual([app.atDtm ? null : expect.stringContaining('StepTransactionLostError')]);
      expect(JSON.stringify(warnings.mock.calls)).toContain('StepTransactionLostError');
      expect(await effectsOf(gid)).toBe(1);
    });

    it('fails when it leaves a nested transaction open, and leaves no transaction open itself', async () => {
      app.recording.onExecute = async ({ step, attempt }, context) => {
        if (step !== 'business-effect' || attempt > 1) return;
        // Not awaited: the step ends before its nested transaction does.
        await new Promise<void>((resolve) => {
          const nested = managerOf(context).transaction(() => {
            resolve();
            return new Promise(() => undefined);
          });
          nested.catch(() => undefined);
        });
      };
      const { gid } = await start();
      expect(await app.ended(gid)).toMatchObject({
        status: 'succeeded',
        steps: [{ attempts: app.attempts(2) }, { attempts: 1 }],
      });
      expect(await effectsOf(gid)).toBe(1);
    });

    it('is the transaction of the jobs that are started in it', async () => {
      app.recording.onExecute = async ({ gid, step, attempt }) => {
        if (step !== 'business-effect') return;
        await app.jobs
          .createJob({ gid: `${gid}-inner-${attempt}` })
          .addStep(Ping)
          .start();
        if (attempt === 1) throw new Error('not yet');
      };
      const { gid } = await start();
      expect((await app.ended(gid)).status).toBe('succeeded');
      expect((await app.ended(`${gid}-inner-2`)).status).toBe('succeeded');
      expect((await app.admin.find(`${gid}-inner-1`))?.status ?? 'rolledBack').toBe('rolledBack');
      expect(app.recording.of(`${gid}-inner-1`)).toEqual([]);
    });

    it('keeps nothing of what it has read', async () => {
      let kept: number | undefined;
      app.recording.onExecute = async ({ step }, context) => {
        if (step !== 'business-effect') return;
        const answers: WeakRef<object>[] = [];
        for (let read = 0; read < 20; read += 1) {
          answers.push(new WeakRef((await managerOf(context).query('SELECT 1 AS one')) as object));
        }
        // References are held until the turn ends, and the last answer by the driver.
        await new Promise((resolve) => setImmediate(resolve));
        collectGarbage();
        kept = answers.filter((answer) => answer.deref() !== undefined).length;
      };
      const { gid } = await start();
      await app.ended(gid);
      expect(kept).toBeLessThan(5);
    });

    it('is the only one with a manager', async () => {
      const errors: unknown[] = [];
      app.recording.onExecute = (_, context) => {
        try {
          errors.push(context.manager);
        } catch (error) {
          errors.push((error as Error).name);
        }
      };
      const { gid } = await app.jobs.createJob({ transaction: 'none' }).addStep(Ping).start();
      await app.ended(gid);
      expect(errors).toEqual(['StepNotTransactionalError']);
    });
  },
  { atDtm: ['postgres', 'mariadb'] },
);

describeBackends('the success of a transactional step', (backend) => {
  it('is known by its COMMIT, as is that of the jobs that it has started: nothing is looked up', async () => {
    const databases = await Databases.create(backend, 'one');
    const sent: string[] = [];
    const log = () => undefined;
    const logQuery = (sql: string) => void sent.push(sql.replaceAll(/\s+/g, ' ').trim());
    const silent = { logQueryError: log, logQuerySlow: log, logSchemaBuild: log, logMigration: log, log };
    const app = await TestApplication.start(databases, {
      dataSource: { logger: { ...silent, logQuery }, logging: true },
      selfTm: { recoveryInterval: '1m' },
    });
    app.recording.onExecute = async ({ step }) => {
      if (step === 'write-effect') await app.jobs.createJob().addStep(Ping).start();
    };
    const { gid } = await app.jobs
      .createJob({ transaction: 'none' })
      .addStep(WriteEffect, { orderId: '1' })
      .start();
    await waitFor(async () => {
      const sql = `SELECT gid FROM stepping_jobs WHERE status = 'succeeded'`;
      return (await databases.business.query(sql)).length === 2;
    });
    // Whatever would still be under way is sent by now.
    await app.close();
    await databases.drop();
    expect(app.recording.of(gid)).toHaveLength(1);
    const begun = sent.findIndex((sql) => /INSERT INTO \S*effects/i.test(sql));
    expect(sent.slice(begun)).toContain('COMMIT');
    const looks = sent.slice(begun).filter((sql) => /^SELECT .*stepping_jobs.* WHERE gid\b/.test(sql));
    // Where a batch locks its rows first, that is no look-up.
    expect(looks.filter((sql) => !sql.includes('FOR UPDATE'))).toEqual([]);
  });
});
