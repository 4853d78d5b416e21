import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { TestApplication } from '../../support/application.js';
import { type ExtraOptions, describeBackends, exceptOnTidb, itOn } from '../../support/database.js';
import { Databases } from '../../support/placements.js';
import { Ping, ReserveStock } from '../../support/steps.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { waitFor } from '../../support/wait-for.js';

/** A busy machine answers by then. */
const TIMEOUT_MS = 1000;

describeBackends(
  'connections that fall silent',
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
      await app.close();
      await proxy.down();
      await databases.drop();
    });

    const start = async (dataSource: ExtraOptions = {}) => {
      app = await TestApplication.start(databases, {
        dataSource: { url: proxy.through(databases.business.url), ...dataSource },
        selfTm: { recoveryInterval: 50, statementTimeout: TIMEOUT_MS, gracePeriod: 200 },
      });
    };
    const ping = (delay = 0) => app.jobs.createJob({ transaction: 'none', delay }).addStep(Ping).start();
    /** So many connections wait in the pool. */
    const fillPool = () => Promise.all(Array.from({ length: 8 }, () => app.dataSource.query('SELECT 1')));

    it('do not keep due jobs waiting, and are told once', async () => {
      const errors = vi.spyOn(Logger.prototype, 'error');
      await start();
      await fillPool();
      const delayed = await ping(600);
      proxy.silence();
      await waitFor(() => app.admin.recovery().error !== null);
      expect(app.admin.recovery().error).toMatchObject({ code: 'STEPPING_STATEMENT_TIMEOUT' });
      expect((await app.ended(delayed.gid)).status).toBe('succeeded');
      await waitFor(() => app.admin.recovery().error === null);
      expect((await app.ended((await ping()).gid)).status).toBe('succeeded');
      const reports = errors.mock.calls.flat().filter((line) => String(line).includes('Recovery cannot'));
      expect(reports).toHaveLength(1);
    });

    it.each(['one address', 'replication'])('never go back to the pool of %s', async (kind) => {
      const master = { url: proxy.through(databases.business.url) };
      await start(kind === 'replication' ? { replication: { master, slaves: [master] } } : {});
      await fillPool();
      proxy.silence();
      const errors = new Set<unknown>();
      await waitFor(() => {
        const { error } = app.admin.recovery();
        if (error !== null) errors.add(error);
        return errors.size > 0 && error === null;
      });
      // The first one closes all that wait in the pool, instead of each statement meeting the next of them.
      expect(errors.size).toBeLessThanOrEqual(2);
      await fillPool();
    });

    it('let the progress of a step be stored on another one', async () => {
      await start();
      let finish!: () => void;
      app.recording.onExecute = () => new Promise<void>((resolve) => (finish = resolve));
      const { gid } = await app.jobs
        .createJob({ transaction: 'none' })
        .addStep(ReserveStock, { orderId: '1' })
        .start();
      await waitFor(() => app.recording.of(gid).length === 1);
      proxy.silence();
      finish();
      expect((await app.ended(gid)).status).toBe('succeeded');
      expect(app.recording.trace(gid)).toEqual(['reserve-stock#1']);
    });

    it('fail a start() in their transaction, and with it the transaction', async () => {
      await start();
      const transaction = app.dataSource.transaction(async (manager) => {
        await manager.query('SELECT 1');
        proxy.silence();
        // A gid of its own is written at once on every database.
        await app.jobs.createJob({ gid: 'silent' }).addStep(Ping).start();
      });
      await expect(transaction).rejects.toMatchObject({ name: 'StatementTimeoutError', timeout: TIMEOUT_MS });
      await waitFor(() => app.admin.recovery().error === null);
      expect(await app.admin.find('silent')).toBeNull();
      await fillPool();
    });

    itOn(backend, 'postgres')('while they are opened do not keep the application from closing', async () => {
      await start();
      proxy.onConnection = (connection) => (connection.toServer = () => undefined);
      const answers = await Promise.allSettled(Array.from({ length: 8 }, () => app.admin.find('nothing')));
      expect(answers.map(({ status }) => status)).toContain('rejected');
      proxy.onConnection = () => undefined;
      await app.close();
    });

    it('do not keep the application from closing', async () => {
      await start();
      await fillPool();
      proxy.silence();
      await app.close();
    });
  },
  ['postgres', 'mariadb'],
);

describeBackends(
  'a statement that waits for a lock',
  (backend) => {
    exceptOnTidb('it locks no tables')('is ended at the server when its time is over', async () => {
      const databases = await Databases.create(backend, 'one');
      const app = await TestApplication.start(databases, {
        selfTm: { recoveryInterval: 50, statementTimeout: TIMEOUT_MS, gracePeriod: 200 },
      });
      const { business } = databases;
      const waiting = async () => {
        const [row] = await business.query<{ count: number }>(
          backend === 'postgres'
            ? `SELECT count(*)::int AS count FROM pg_stat_activity a JOIN pg_locks l USING (pid)
                WHERE NOT l.granted AND l.relation = 'stepping_jobs'::regclass`
            : `SELECT COUNT(*) AS count FROM information_schema.processlist
                WHERE db = DATABASE() AND state LIKE 'Waiting for table metadata lock%'`,
        );
        return Number(row!.count);
      };
      try {
        await business.query(
          backend === 'postgres' ? 'BEGIN; LOCK TABLE stepping_jobs' : 'LOCK TABLES stepping_jobs WRITE',
        );
        await waitFor(() => app.admin.recovery().error !== null);
        const { error } = app.admin.recovery();
        await waitFor(() => app.admin.recovery().error !== error);
        await waitFor(async () => (await waiting()) <= 2);
      } finally {
        await business.query(backend === 'postgres' ? 'ROLLBACK' : 'UNLOCK TABLES');
      }
      await waitFor(() => app.admin.recovery().error === null);
      await app.close();
      await databases.drop();
    });
  },
  ['postgres', 'mariadb'],
);
