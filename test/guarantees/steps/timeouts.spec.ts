import { randomUUID } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { EntityManager } from 'typeorm';
import { Step, type StepContext, type StepHandler } from '../../../lib/index.js';
import { TestApplication } from '../../support/application.js';
import { Databases, describeManagers } from '../../support/placements.js';
import { Effect } from '../../support/order.entity.js';
import { Ping, Timed } from '../../support/steps.js';
import { waitFor } from '../../support/wait-for.js';

const lateStatements: string[] = [];
const begun = new Map<string, number>();

/** Where the first attempt is when its time is over: still running, given up by the library, or in a savepoint. */
type Where = 'running' | 'given-up' | 'nested';

/** The first attempt is out of time, and goes on writing; the second one does nothing. */
@Step({
  name: 'late',
  // Long enough for the first statement, and the whole second attempt, on a busy machine.
  timeout: 1000,
  transactional: { dataSource: 'default' },
  retry: { delay: 5, maxDelay: 5, jitter: false },
})
class Late implements StepHandler<{ where: Where }> {
  async execute({ where }: { where: Where }, context: StepContext<EntityManager>): Promise<void> {
    const { gid, attempt } = context;
    begun.set(gid, attempt);
    if (attempt > 1) return;
    const write = () => context.manager.insert(Effect, { id: randomUUID(), key: gid });
    await write();
    const late = async (): Promise<void> => {
      await waitFor(() => (where === 'given-up' ? begun.get(gid)! > 1 : context.signal.aborted));
      for (let times = 0; times < 2; times += 1) {
        // TypeORM sends the second one through a method of the query runner, not through its `query()`.
        for (const statement of [write, () => context.manager.clear(Effect)]) {
          await statement().then(
            () => lateStatements.push('written'),
            (error: Error) => lateStatements.push(error.name),
          );
        }
      }
    };
    await (where === 'nested' ? context.manager.transaction(late) : late());
  }
}

describeManagers(
  'a step that takes too long',
  (backend, placement) => {
    let databases: Databases;
    let app: TestApplication;

    beforeEach(async () => {
      databases = await Databases.create(backend, placement);
    });
    afterEach(async () => {
      vi.restoreAllMocks();
      await app?.close();
      await databases?.drop();
    });

    const startTimed = () => app.dataSource.transaction(() => app.jobs.createJob().addStep(Timed).start());

    it('gets its signal, and is tried again only when the old attempt has settled', async () => {
      app = await TestApplication.start(databases, {
        selfTm: { gracePeriod: '20s' },
        dtm: { gracePeriod: '20s' },
      });
      const reasons: string[] = [];
      let settle!: () => void;
      const settled = new Promise<void>((resolve) => (settle = resolve));
      app.recording.onExecute = async ({ step, attempt }, { signal }) => {
        if (step !== 'timed' || attempt > 1) return;
        await waitFor(() => signal.aborted);
        reasons.push((signal.reason as Error).name);
        await settled;
      };
      const { gid } = await startTimed();
      await waitFor(() => reasons.length === 1);
      expect(reasons).toEqual(['StepTimeoutError']);
      // Other jobs come and go, and recovery looks for due ones; this one waits.
      for (let times = 0; times < 3; times += 1) {
        const { gid: another } = await app.jobs.createJob({ transaction: 'none' }).addStep(Ping).start();
        await app.ended(another);
        if (app.atDtm) continue;
        const { lastRunAt } = app.admin.recovery();
        await waitFor(() => app.admin.recovery().lastRunAt! > lastRunAt!);
      }
      expect(app.recording.trace(gid)).toEqual(['timed#1']);
      settle();
      const job = await app.ended(gid);
      expect(job).toMatchObject({ status: 'succeeded', error: null, steps: [{ attempts: app.attempts(2) }] });
      expect(app.recording.trace(gid)).toEqual(['timed#1', 'timed#2']);
    });

    it('is tried again after the grace period, with a logged error, when it ignores its signal', async () => {
      const errors = vi.spyOn(Logger.prototype, 'error');
      app = await TestApplication.start(databases, {
        selfTm: { gracePeriod: 100 },
        dtm: { gracePeriod: 100 },
      });
      let settle!: () => void;
      app.recording.onExecute = ({ attempt }) =>
        attempt > 1 ? undefined : new Promise<void>((resolve) => (settle = resolve));
      const { gid } = await startTimed();
      expect((await app.ended(gid)).steps).toMatchObject([{ attempts: app.attempts(2) }]);
      expect(app.recording.trace(gid)).toEqual(['timed#1', 'timed#2']);
      expect(errors.mock.calls.flat().join()).toContain(
        `Step timed of job ${gid} is still running 100 ms after its signal`,
      );
      settle();
    });

    it('has failed even when it ends after its signal', async () => {
      app = await TestApplication.start(databases);
      app.recording.onExecute = ({ attempt }, { signal }) => attempt > 1 || waitFor(() => signal.aborted);
      const { gid } = await startTimed();
      expect((await app.ended(gid)).steps).toMatchObject([{ attempts: app.attempts(2) }]);
      expect(app.recording.trace(gid)).toEqual(['timed#1', 'timed#2']);
    });

    it('leaves nothing of its transaction, whenever its late statements come', async () => {
      lateStatements.length = 0;
      app = await TestApplication.start(databases, {
        selfTm: { gracePeriod: 100, concurrency: 8 },
        dtm: { gracePeriod: 100 },
        providers: [Late],
      });
      await app.dataSource.manager.insert(Effect, { id: 'kept', key: 'kept' });
      // On SQLite these transactions take turns.
      const jobs = backend === 'sqlite' ? 8 : 40;
      const starts = Array.from({ length: jobs }, (_, at) =>
        app.jobs
          .createJob({ transaction: 'none' })
          .addStep(Late, { where: (['running', 'given-up', 'nested'] as const)[at % 3]! })
          .start(),
      );
      for (const { gid } of await Promise.all(starts)) {
        expect(await app.ended(gid)).toMatchObject({
          status: 'succeeded',
          steps: [{ attempts: app.attempts(2) }],
        });
      }
      await waitFor(() => lateStatements.length === 4 * jobs);
      expect(lateStatements).toEqual(Array.from({ length: 4 * jobs }, () => 'StepTransactionClosedError'));
      expect(await app.count(Effect)).toBe(1);
      // No connection went back to the pool with a transaction that the next one to use it would commit.
      await app.dataSource.transaction((manager) => manager.insert(Effect, { id: 'next', key: 'next' }));
      expect(await app.count(Effect)).toBe(2);
    });
  },
  { atDtm: ['postgres'] },
);
