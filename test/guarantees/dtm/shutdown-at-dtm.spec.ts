import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { DistributedJobFactory } from '../../../lib/index.js';
import { TestApplication } from '../../support/application.js';
import { Databases, describeAtDtm } from '../../support/placements.js';
import { Ping } from '../../support/steps.js';
import { PoolWatch } from '../../support/pool-watch.js';
import { waitFor } from '../../support/wait-for.js';

describeAtDtm(
  'an application at DTM that is closed',
  (backend, placement) => {
    let databases: Databases;
    let closing: TestApplication;
    let next: TestApplication | undefined;

    beforeEach(async () => {
      databases = await Databases.create(backend, placement);
      closing = await TestApplication.start(databases, { dtm: { gracePeriod: '1s' } });
      next = undefined;
    });
    afterEach(async () => {
      await closing.close().catch(() => undefined);
      await next?.close();
      await databases.drop();
    });

    const start = () => closing.dataSource.transaction(() => closing.job().start());
    const followUp = async () => (next = await TestApplication.start(databases));

    it('gives running steps their signal, and leaves them to the next process', async () => {
      const reasons = closing.recording.runUntilSignal();
      const { gid } = await start();
      await waitFor(() => closing.recording.of(gid).length === 1);
      await closing.close();
      expect(reasons).toEqual(['StepInterruptedError']);
      const [step] = (await databases.dtm!.query(gid)).branches;
      expect(step).toMatchObject({ status: 'prepared' });

      await followUp();
      expect((await next!.ended(gid)).status).toBe('succeeded');
      expect(next!.recording.trace(gid)).toEqual(['reserve-stock#1', 'send-email#1']);
    });

    it('answers for a step that ends within its grace, and starts no further one', async () => {
      closing.recording.onExecute = async (_, { signal }) => {
        await waitFor(() => signal.aborted);
        await sleep(300);
      };
      const { gid } = await start();
      await waitFor(() => closing.recording.of(gid).length === 1);
      await closing.close();
      await followUp();
      expect((await next!.ended(gid)).status).toBe('succeeded');
      expect([closing.recording.trace(gid), next!.recording.trace(gid)]).toEqual([
        ['reserve-stock#1'],
        ['send-email#1'],
      ]);
    });

    it('does not wait for a step that ignores its signal', async () => {
      let settle!: () => void;
      closing.recording.onExecute = () => new Promise<void>((resolve) => (settle = resolve));
      const { gid } = await start();
      await waitFor(() => closing.recording.of(gid).length === 1);
      const began = performance.now();
      await closing.close();
      expect(performance.now() - began).toBeLessThan(5000);
      settle();
      await followUp();
      expect((await next!.ended(gid)).status).toBe('succeeded');
    });

    it('makes no query after the pool is closed, whatever was under way', async () => {
      await closing.close();
      let starts: Promise<unknown>[] = [];
      // As an HTTP server does: the transactions of the application end between its hooks.
      const server = {
        provide: 'server',
        useFactory: () => ({ beforeApplicationShutdown: () => Promise.all(starts) }),
      };
      closing = await TestApplication.start(databases, { providers: [server] });
      closing.recording.onExecute = () => sleep(100);
      const pool = new PoolWatch(closing.dataSource);
      starts = Array.from({ length: 60 }, () => start());
      await waitFor(() => closing.recording.executions.length > 5);
      const gids = (await Promise.all(starts)).map((started) => (started as { gid: string }).gid);
      await closing.close();
      expect(pool.closed).toBe(true);
      await followUp();
      for (const gid of gids) expect((await next!.ended(gid)).status).toBe('succeeded');
      expect(pool.tooLate).toEqual([]);
    });

    it('and another one lets jobs be started from onModuleInit', async () => {
      let gid = '';
      const early = (jobs: DistributedJobFactory) => ({
        onModuleInit: async () => {
          ({ gid } = await jobs.createJob({ transaction: 'none' }).addStep(Ping).start());
        },
      });
      next = await TestApplication.start(databases, {
        providers: [{ provide: 'early', useFactory: early, inject: [DistributedJobFactory] }],
      });
      expect((await next.ended(gid)).status).toBe('succeeded');
    });
  },
  ['postgres'],
);
