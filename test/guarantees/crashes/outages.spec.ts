import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { RetryPolicyOptions, SelfTmOptions } from '../../../lib/index.js';
import type { ExtraOptions } from '../../support/database.js';
import { TestApplication } from '../../support/application.js';
import { Databases } from '../../support/placements.js';
import { Ping, ReserveStock, SendEmail } from '../../support/steps.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { describeBackends } from '../../support/database.js';
import { waitFor } from '../../support/wait-for.js';

describeBackends(
  'a database that cannot be reached for a while',
  (backend) => {
    let databases: Databases;
    let proxy: TcpProxy;
    let app: TestApplication;

    beforeEach(async () => {
      databases = await Databases.create(backend, 'one');
      proxy = await TcpProxy.start(databases.business.url);
    });
    afterEach(async () => {
      vi.restoreAllMocks();
      await app?.close();
      await proxy.down();
      await databases.drop();
    });

    const start = async (dataSource: ExtraOptions = {}, selfTm: SelfTmOptions = {}) => {
      app = await TestApplication.start(databases, {
        dataSource: { url: proxy.through(databases.business.url), ...dataSource },
        selfTm: { recoveryInterval: 50, ...selfTm },
      });
    };
    const ping = (delay = 0) => app.jobs.createJob({ transaction: 'none', delay }).addStep(Ping).start();
    const recovers = async () => {
      const before = new Date();
      await waitFor(() => app.admin.recovery().lastRunAt! > before && app.admin.recovery().error === null);
    };

    it('stops neither recovery nor the jobs, and is told once', async () => {
      const errors = vi.spyOn(Logger.prototype, 'error');
      const warnings = vi.spyOn(Logger.prototype, 'warn');
      await start();
      let finish!: () => void;
      app.recording.onExecute = ({ step }) =>
        step === 'reserve-stock' ? new Promise<void>((resolve) => (finish = resolve)) : undefined;
      const running = await app.jobs
        .createJob({ transaction: 'none' })
        .addStep(ReserveStock, { orderId: '1' })
        .addStep(SendEmail, { orderId: '1' })
        .start();
      const delayed = await ping(300);
      await waitFor(() => app.recording.of(running.gid).length === 1);

      await proxy.down();
      await waitFor(() => app.admin.recovery().error !== null);
      const since = app.admin.recovery().lastRunAt;
      const { error } = app.admin.recovery();
      await waitFor(() => app.admin.recovery().error !== error);
      // The step succeeds while nobody can write that down.
      finish();
      await waitFor(() =>
        warnings.mock.calls.flat().join().includes('Storing the progress of 1 jobs failed'),
      );
      await expect(ping()).rejects.toMatchObject({ name: 'TransactionManagerUnavailableError' });
      expect(app.admin.recovery().lastRunAt).toEqual(since);
      expect(app.recording.trace(running.gid)).toEqual(['reserve-stock#1']);

      await proxy.up();
      await recovers();
      for (const { gid } of [running, delayed, await ping()])
        expect((await app.ended(gid)).status).toBe('succeeded');
      expect(app.recording.trace(running.gid)).toEqual(['reserve-stock#1', 'send-email#1']);
      const reports = errors.mock.calls
        .flat()
        .filter((line) => String(line).includes('Recovery cannot reach'));
      expect(reports).toHaveLength(1);
    });

    it('repeats no step that has ended meanwhile, however long it takes', async () => {
      await start({}, { leaseDuration: 1000 });
      let finish!: () => void;
      const finished = new Promise<void>((resolve) => (finish = resolve));
      app.recording.onExecute = ({ step }) => (step === 'reserve-stock' ? finished : undefined);
      const job = (retry: RetryPolicyOptions) =>
        app.jobs
          .createJob({ transaction: 'none' })
          .addStep(ReserveStock, { orderId: '1' }, { retry })
          .addStep(SendEmail, { orderId: '1' })
          .start();
      const started = [await job({}), await job({ maxAttempts: 1 })];
      await waitFor(() => app.recording.executions.length === started.length);

      await proxy.down();
      finish();
      const warnings = vi.spyOn(Logger.prototype, 'warn');
      const overdue = () =>
        warnings.mock.calls
          .flat()
          .map(String)
          .filter((line) => /could not be renewed in time/.test(line));
      await waitFor(() => started.every(({ gid }) => overdue().join().includes(gid)));
      await waitFor(async () => {
        const dueNow = backend === 'postgres' ? 'clock_timestamp()' : 'UTC_TIMESTAMP(6)';
        const due = await databases.store.query(`SELECT gid FROM stepping_jobs WHERE due_at <= ${dueNow}`);
        return due.length === started.length;
      });
      await proxy.up();
      for (const { gid } of started) {
        expect((await app.ended(gid)).status).toBe('succeeded');
        expect(app.recording.trace(gid)).toEqual(['reserve-stock#1', 'send-email#1']);
      }
    });

    it('does not keep the application from closing, with work that cannot be stored', async () => {
      await start({}, { leaseDuration: 1000, gracePeriod: 300 });
      app.recording.onExecute = () => new Promise((resolve) => setTimeout(resolve, 300));
      const { gid } = await ping();
      await waitFor(() => app.recording.of(gid).length === 1);
      await proxy.down();
      const warnings = vi.spyOn(Logger.prototype, 'warn');
      await waitFor(() => warnings.mock.calls.flat().join().includes('could not be renewed in time'));
      const from = performance.now();
      await app.close();
      expect(performance.now() - from).toBeLessThan(15_000);
      await proxy.up();
    });

    it('may end its connections at any time', async () => {
      await start();
      const delayed = await ping(300);
      for (let times = 0; times < 3; times += 1) {
        await proxy.down();
        await proxy.up();
        await recovers();
      }
      expect((await app.ended(delayed.gid)).status).toBe('succeeded');
      expect((await app.ended((await ping()).gid)).status).toBe('succeeded');
    });

    it('may have no connection left in the pool', async () => {
      const patience = backend === 'postgres' ? { connectionTimeoutMillis: 200 } : {};
      const options = (databases.business.dataSourceOptions() as { extra?: object }).extra;
      await start({ poolSize: 2, extra: { ...options, ...patience } });
      const delayed = await ping(100);
      const holders = [app.dataSource.createQueryRunner(), app.dataSource.createQueryRunner()];
      await Promise.all(holders.map((holder) => holder.query('SELECT 1')));
      // A pool that gives up is an error that is told; one that waits holds the recovery up, without harm.
      if (backend === 'postgres') await waitFor(() => app.admin.recovery().error !== null);
      else
        await waitFor(
          async () =>
            (await databases.store.query('SELECT gid FROM stepping_jobs WHERE due_at <= UTC_TIMESTAMP(6)'))
              .length,
        );
      expect(app.recording.of(delayed.gid)).toEqual([]);
      await Promise.all(holders.map((holder) => holder.release()));
      await recovers();
      expect((await app.ended(delayed.gid)).status).toBe('succeeded');
    });
  },
  ['postgres', 'mariadb'],
);
