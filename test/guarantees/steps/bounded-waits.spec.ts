import { setTimeout as sleep } from 'node:timers/promises';
import { Logger, Scope, type Provider } from '@nestjs/common';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { EntityManager } from 'typeorm';
import { Step, UnrecoverableStepError, type StepContext, type StepHandler } from '../../../lib/index.js';
import { TestApplication, type ApplicationOptions } from '../../support/application.js';
import { describeBackends, itWhere } from '../../support/database.js';
import { Databases } from '../../support/placements.js';
import { Ping } from '../../support/steps.js';
import { waitFor } from '../../support/wait-for.js';

const LATER = { delay: '1h', maxDelay: '1h', jitter: false } as const;
@Step({ name: 'behind-a-lock', timeout: 200, transactional: true, retry: LATER })
class BehindALock implements StepHandler {
  async execute(_: void, { manager }: StepContext<EntityManager>): Promise<void> {
    await manager.query('UPDATE stock SET amount = amount - 1 WHERE id = 1');
  }
}

const NEVER: Provider = { provide: 'never', scope: Scope.REQUEST, useFactory: () => new Promise(() => {}) };

@Step({ name: 'never-resolved', retry: LATER })
class NeverResolved implements StepHandler {
  execute(): void {}
}
Reflect.defineMetadata('self:paramtypes', [{ index: 0, param: 'never' }], NeverResolved);
Reflect.defineMetadata('design:paramtypes', [Object], NeverResolved);

@Step('doomed')
class Doomed implements StepHandler {
  execute(): void {
    throw new UnrecoverableStepError('no');
  }
}

describeBackends('waits of an attempt', (backend) => {
  let databases: Databases;
  let app: TestApplication;

  beforeEach(async () => {
    databases = await Databases.create(backend, 'one');
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await app.close();
    await databases.drop();
  });

  const start = async (options: ApplicationOptions = {}) => {
    app = await TestApplication.start(databases, {
      ...options,
      selfTm: { concurrency: 1, gracePeriod: 300, ...options.selfTm },
    });
  };
  const job = (step: new (...args: any[]) => StepHandler) =>
    app.jobs.createJob({ transaction: 'none' }).addStep(step).start();
  const othersRun = async () => expect((await app.ended((await job(Ping)).gid)).status).toBe('succeeded');

  itWhere(backend !== 'sqlite')('end with a statement that a lock holds up', async () => {
    await start({ providers: [BehindALock] });
    const { business } = databases;
    await business.query('CREATE TABLE stock (id int PRIMARY KEY, amount int)');
    await business.query('INSERT INTO stock VALUES (1, 1)');
    const holder = app.dataSource.createQueryRunner();
    await holder.startTransaction();
    await holder.query('SELECT * FROM stock WHERE id = 1 FOR UPDATE');
    try {
      const { gid } = await job(BehindALock);
      await othersRun();
      expect(await app.admin.find(gid)).toMatchObject({
        status: 'submitted',
        error: expect.stringContaining('StepTimeoutError') as string,
      });
      const waiting = async () =>
        business.query(
          backend === 'postgres'
            ? `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'UPDATE stock%'`
            : `SELECT 1 FROM information_schema.processlist WHERE db = DATABASE() AND info LIKE 'UPDATE stock%'`,
        );
      await waitFor(async () => (await waiting()).length === 0);
    } finally {
      await holder.rollbackTransaction();
      await holder.release();
    }
    const [row] = await business.query<{ amount: number }>('SELECT amount FROM stock');
    expect(row!.amount).toBe(1);
  });

  it('end with a dependency that never resolves', async () => {
    await start({ providers: [NEVER, NeverResolved] });
    const { gid } = await job(NeverResolved);
    await othersRun();
    expect((await app.admin.find(gid))!.error).toContain("dependencies of the step 'never-resolved'");
  });

  it.each(['in the process', 'elsewhere'] as const)(
    'end without the step after a cancel() %s',
    async (where) => {
      let ready!: (dependency: object) => void;
      const dependency = new Promise<object>((resolve) => (ready = resolve));
      const useFactory = vi.fn(() => dependency);
      const execute = vi.spyOn(NeverResolved.prototype, 'execute');
      const providers = [{ ...NEVER, useFactory } as Provider, NeverResolved];
      await start({ providers, selfTm: { gracePeriod: 10_000 } });
      const { gid } = await job(NeverResolved);
      await waitFor(() => useFactory.mock.calls.length === 1);
      if (where === 'in the process') await app.admin.cancel(gid);
      else {
        const other = await TestApplication.start(databases, { selfTm: { runSteps: false } });
        await other.admin.cancel(gid);
        await other.close();
      }
      await sleep(100);
      ready({});
      await othersRun();
      expect(execute).not.toHaveBeenCalled();
      expect((await app.admin.find(gid))!.status).toBe('canceled');
    },
  );

  it('end with an onJobFailed that never settles', async () => {
    const errors = vi.spyOn(Logger.prototype, 'error');
    let calls = 0;
    const onJobFailed = () => {
      calls += 1;
      return new Promise(() => {});
    };
    await start({ providers: [Doomed], module: { onJobFailed } });
    await job(Doomed);
    await waitFor(() => calls === 1);
    await othersRun();
    expect(errors.mock.calls.flat().join()).toContain('has not settled within 300 ms');
  });
});
