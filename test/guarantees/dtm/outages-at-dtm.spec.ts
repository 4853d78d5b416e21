import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { ExtraOptions } from '../../support/database.js';
import { TestApplication } from '../../support/application.js';
import { Databases, describeAtDtm } from '../../support/placements.js';
import { expectNeverRan, expectRanOnce, startPing } from '../../support/fates.js';
import { Effect, Order } from '../../support/order.entity.js';
import { Ping, ReserveStock, SendEmail, WriteEffect } from '../../support/steps.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { canRestartDtm } from '../../support/dtm/dtm-server.js';
import { waitFor } from '../../support/wait-for.js';

describeAtDtm(
  'a DTM server that cannot be reached for a while',
  (backend, placement) => {
    let databases: Databases;
    let app: TestApplication;

    beforeEach(async ({ skip }) => {
      if (!canRestartDtm('boltdb')) skip('the DTM server of DTM_URL is not ours to end');
      databases = await Databases.create(backend, placement);
    });
    afterEach(async () => {
      vi.restoreAllMocks();
      await app?.close();
      await databases?.drop();
    });

    const start = async () => {
      app = await TestApplication.start(databases, { dtm: { serverTimeout: 500 } });
    };
    const unavailable = { name: 'TransactionManagerUnavailableError' };
    const orders = (id: string) => app.dataSource.getRepository(Order).countBy({ id });

    /** No job, no commit; and whoever is told by `start()` can tell his caller. */
    async function refusesJobs(id: string): Promise<void> {
      const job = app.jobs.createJob().addStep(Ping);
      const placing = app.dataSource.transaction(async (manager) => {
        await manager.insert(Order, { id });
        await job.start();
      });
      await expect(placing).rejects.toMatchObject(unavailable);
      expect(await orders(id)).toBe(0);
      await expect(startPing(app)).rejects.toMatchObject(unavailable);
      expect(app.recording.of(job.gid)).toEqual([]);
    }

    it('keeps no application from starting, which reports it, and takes jobs when it is back', async () => {
      const errors = vi.spyOn(Logger.prototype, 'error');
      await databases.dtm!.kill();
      await start();
      expect(errors.mock.calls.flat().join()).toContain('does not answer; jobs cannot be started');
      expect(app.admin.recovery()).toEqual({ lastRunAt: null, error: expect.anything() });
      await refusesJobs('too-early');

      await databases.dtm!.restart();
      const gid = await waitFor(() => app.dataSource.transaction(() => startPing(app)));
      await expectRanOnce(app, gid);
      expect(app.admin.recovery()).toEqual({ lastRunAt: expect.any(Date), error: null });
    });

    it('loses no job that it has, and none is started in the meantime', async () => {
      await start();
      let finish!: () => void;
      let held = false;
      app.recording.onExecute = ({ step }) => {
        if (step !== 'reserve-stock' || held) return undefined;
        held = true;
        return new Promise<void>((resolve) => (finish = resolve));
      };
      const running = await app.jobs
        .createJob({ transaction: 'none' })
        .addStep(ReserveStock, { orderId: '1' })
        .addStep(SendEmail, { orderId: '1' })
        .start();
      await waitFor(() => app.recording.of(running.gid).length === 1);
      await databases.dtm!.kill();
      await refusesJobs('meanwhile');
      expect(app.admin.recovery().error).not.toBeNull();
      // The step succeeds while nobody can write that down. It is called again, and known here to be done.
      finish();
      await databases.dtm!.restart();
      expect((await app.ended(running.gid)).status).toBe('succeeded');
      const trace = app.recording.of(running.gid).map(({ step }) => step);
      expect(trace).toEqual(['reserve-stock', 'send-email']);
    });

    it('is told by the database when it was away at the end of a transaction', async () => {
      await start();
      let committed = '';
      let rolledBack = '';
      await app.dataSource.transaction(async (manager) => {
        await manager.insert(Order, { id: 'committed' });
        committed = await startPing(app);
        const failing = app.dataSource.transaction(async (other) => {
          await other.insert(Order, { id: 'rolled-back' });
          rolledBack = await startPing(app);
          await databases.dtm!.kill();
          throw new Error('no');
        });
        await expect(failing).rejects.toThrow('no');
      });
      expect([await orders('committed'), await orders('rolled-back')]).toEqual([1, 0]);
      expect(app.recording.executions).toEqual([]);
      await databases.dtm!.restart();
      expect((await app.ended(committed)).status).toBe('succeeded');
      await expectNeverRan(app, rolledBack);
      await expectRanOnce(app, committed);
    });

    it('runs a job outside any transaction when only its Prepare arrived', async ({ skip }) => {
      if (placement !== 'dtm-http') skip('over HTTP the one request can be taken out');
      await start();
      const send = globalThis.fetch;
      const lost: string[] = [];
      vi.spyOn(globalThis, 'fetch').mockImplementation(async (url, init) => {
        if (typeof url !== 'string' || !url.endsWith('/submit')) return send(url, init);
        lost.push(url);
        throw new TypeError('fetch failed');
      });
      const gid = await startPing(app);
      expect(lost).toHaveLength(1);
      await expectRanOnce(app, gid);
    });
  },
  ['postgres'],
);

describeAtDtm(
  'a database of the steps that cannot be reached for a while',
  (backend, placement) => {
    let databases: Databases;
    let proxy: TcpProxy;
    let app: TestApplication;

    beforeEach(async () => {
      databases = await Databases.create(backend, placement);
      proxy = await TcpProxy.start(databases.business.url);
      const dataSource: ExtraOptions = { url: proxy.through(databases.business.url) };
      app = await TestApplication.start(databases, { dataSource });
    });
    afterEach(async () => {
      vi.restoreAllMocks();
      await app?.close();
      await proxy?.down();
      await databases?.drop();
    });

    it('neither commits nor rolls back what DTM asks for, and holds transactional steps up', async () => {
      const errors = vi.spyOn(Logger.prototype, 'error');
      const warnings = vi.spyOn(Logger.prototype, 'warn');
      const prepared = app.jobs.createJob().addStep(Ping);
      await app.dataSource.transaction(() => prepared.prepare());
      await proxy.down();
      const writing = await app.jobs
        .createJob({ transaction: 'none' })
        .addStep(WriteEffect, { orderId: '1' })
        .start();
      await waitFor(() =>
        errors.mock.calls.flat().join().includes(`DTM asked for the transaction of job ${prepared.gid}`),
      );
      const failures = () => warnings.mock.calls.map(([line]) => (line as { gid?: string }).gid);
      await waitFor(() => failures().includes(writing.gid));
      expect((await app.admin.find(prepared.gid))!.status).toBe('prepared');
      expect((await app.admin.find(writing.gid))!.status).toBe('submitted');
      expect(app.recording.executions).toEqual([]);

      await proxy.up();
      expect((await app.ended(writing.gid)).status).toBe('succeeded');
      expect((await app.ended(prepared.gid)).status).toBe('succeeded');
      expect(app.recording.trace(prepared.gid)).toEqual(['ping#1']);
      expect(await app.count(Effect)).toBe(1);
    });
  },
  ['postgres', 'mariadb'],
);
