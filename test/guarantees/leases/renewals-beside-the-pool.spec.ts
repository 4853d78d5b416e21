import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { TestApplication } from '../../support/application.js';
import { CommitTrap } from '../../support/commit-trap.js';
import { describeBackends, type ExtraOptions } from '../../support/database.js';
import { Databases } from '../../support/placements.js';
import { ReserveStock, WriteEffect } from '../../support/steps.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { waitFor } from '../../support/wait-for.js';

const LEASE_MS = 1000;
/** Where no lease has to be renewed: a busy machine may be late for a short one. */
const LONG_LEASE_MS = 30_000;

describeBackends(
  'renewals beside the pool',
  (backend) => {
    let databases: Databases;
    let app: TestApplication;
    let proxy: TcpProxy | undefined;

    beforeEach(async () => {
      databases = await Databases.create(backend, 'one');
    });
    afterEach(async () => {
      vi.restoreAllMocks();
      await app.close();
      await proxy?.down();
      proxy = undefined;
      await databases.drop();
    });

    const start = async (dataSource: ExtraOptions, concurrency = 4, leaseDuration = LEASE_MS) => {
      app = await TestApplication.start(databases, {
        dataSource,
        selfTm: { concurrency, leaseDuration, recoveryInterval: 50, statementTimeout: '30s' },
      });
    };
    const reserve = () =>
      app.jobs.createJob({ transaction: 'none' }).addStep(ReserveStock, { orderId: '1' }).start();

    /** Takes all connections of a pool of two, until the function that is returned is called. */
    const occupyPool = async () => {
      const runners = [1, 2].map(() => app.dataSource.createQueryRunner());
      for (const runner of runners) await runner.startTransaction();
      return async () => {
        for (const runner of runners) {
          await runner.rollbackTransaction();
          await runner.release();
        }
      };
    };
    const end = (gid: string, owner: string) =>
      databases.business.query(
        `UPDATE stepping_jobs SET status = 'succeeded', due_at = NULL, owner = ${owner} WHERE gid = '${gid}'`,
      );
    const renewed = async (gid: string) => {
      const seen = new Set<number>();
      const sql = `SELECT due_at FROM stepping_jobs WHERE gid = '${gid}'`;
      await waitFor(async () => {
        const [row] = await databases.business.query<{ due_at: Date }>(sql);
        return seen.add(row!.due_at.getTime()).size > 5;
      });
    };

    it("do not wait behind the application's transactions", async () => {
      await start({ poolSize: 2 });
      let finish!: () => void;
      app.recording.onExecute = () => new Promise<void>((resolve) => (finish = resolve));
      const { gid } = await reserve();
      await waitFor(() => app.recording.of(gid).length === 1);

      const release = await occupyPool();
      await renewed(gid);
      await release();
      finish();
      expect((await app.ended(gid)).status).toBe('succeeded');
      expect(app.recording.trace(gid)).toEqual(['reserve-stock#1']);
    });

    it.each([
      [
        'that was chosen',
        { poolSize: 3, replicated: false },
        7,
        /'concurrency' is 7, but the pool of the DataSource has 3 connections/,
      ],
      [
        'by default',
        { poolSize: 3, replicated: false },
        undefined,
        /'concurrency' is 32, but the pool of the DataSource has 3 conn/,
      ],
      [
        'with replication',
        { poolSize: 3, replicated: true },
        7,
        /'concurrency' is 7, but the pool of the DataSource has 3 conn/,
      ],
      ['that nobody chose', { poolSize: undefined, replicated: false }, undefined, undefined],
    ] as const)(
      'say at start that the pool is too small for a concurrency %s',
      async (_, { replicated, ...dataSource }, concurrency, expected) => {
        const master = { url: databases.business.url };
        const warnings = vi.spyOn(Logger.prototype, 'warn');
        app = await TestApplication.start(databases, {
          dataSource: replicated ? { ...dataSource, replication: { master, slaves: [master] } } : dataSource,
          selfTm: concurrency === undefined ? {} : { concurrency },
        });
        const [line] = warnings.mock.calls.flat().filter((text) => String(text).includes('concurrency'));
        if (expected) expect(line).toMatch(expected);
        else expect(line).toBeUndefined();
      },
    );

    it('do not wait there either for what became of a job that has ended meanwhile', async () => {
      await start({ poolSize: 2 });
      const warnings = vi.spyOn(Logger.prototype, 'warn');
      const finish: (() => void)[] = [];
      const signals: AbortSignal[] = [];
      app.recording.onExecute = (_, { signal }) => {
        signals.push(signal);
        return new Promise<void>((resolve) => finish.push(resolve));
      };
      const [{ gid }, { gid: own }, { gid: others }] = [await reserve(), await reserve(), await reserve()];
      await waitFor(() => finish.length === 3);

      const release = await occupyPool();
      // As when the answer to the success of a transactional step is still under way.
      await end(own, 'owner');
      // As when another process has ended it.
      await end(others, "'another'");
      await renewed(gid);
      expect(signals.map(({ aborted }) => aborted)).toEqual([false, false, true]);
      expect(warnings.mock.calls.flat().filter((line) => String(line).includes('is lost'))).toEqual([
        `The lease of job ${others} is lost: the job is succeeded.`,
      ]);
      await release();
      for (const resolve of finish) resolve();
      expect((await app.ended(gid)).status).toBe('succeeded');
      expect(app.recording.trace(gid)).toEqual(['reserve-stock#1']);
    });

    /** Holds back what opens the listening connection, until the function that is returned is called. */
    const holdListen = (through: TcpProxy) => {
      const held: (() => void)[] = [];
      const watch = through.onConnection;
      through.onConnection = (connection) => {
        watch(connection);
        const { toServer: pass } = connection;
        connection.toServer = (data) => {
          if (data.includes('LISTEN')) held.push(() => pass(data));
          else pass(data);
        };
      };
      return () => {
        expect(held).not.toEqual([]);
        for (const pass of held) pass();
      };
    };

    it.each([
      ['a transactional step has committed', undefined, 'early'],
      ['the answer to its COMMIT was lost', 'applied', 'early'],
      // MySQL and MariaDB open theirs when it is first wanted.
      ...(backend === 'postgres'
        ? ([['it was lost while the connection beside it is being opened', 'applied', 'late']] as const)
        : []),
    ] as const)('and no slot waits there when %s', async (_, fate, listens) => {
      const warnings = vi.spyOn(Logger.prototype, 'warn');
      proxy = await TcpProxy.start(databases.business.url);
      const trap = new CommitTrap(proxy);
      const listen = listens === 'late' ? holdListen(proxy) : () => undefined;
      await start({ poolSize: 1, url: proxy.through(databases.business.url) }, 1, LONG_LEASE_MS);
      const told: string[] = [];
      const hear = (event: unknown) => told.push((event as { gid: string }).gid);
      subscribe('stepping:job.succeeded', hear);
      let finish!: () => void;
      app.recording.onExecute = () => new Promise<void>((resolve) => (finish = resolve));
      const { gid } = await app.jobs
        .createJob({ transaction: 'none' })
        .addStep(WriteEffect, { orderId: '1' })
        .start();
      await waitFor(() => app.recording.of(gid).length === 1);

      // The step has the only connection, and the application is the next to get one.
      if (fate) trap.set(`${gid}:0`, fate);
      const runner = app.dataSource.createQueryRunner();
      const connected = runner.startTransaction();
      finish();
      await connected;
      listen();
      await waitFor(() => told.includes(gid));
      expect(trap.caught).toBe(fate ? 1 : 0);
      await runner.rollbackTransaction();
      await runner.release();
      unsubscribe('stepping:job.succeeded', hear);
      expect((await app.ended(gid)).status).toBe('succeeded');
      expect(app.recording.trace(gid)).toEqual(['write-effect#1']);
      expect(warnings.mock.calls.flat().join()).not.toContain('is lost');
    });
  },
  ['postgres', 'mariadb'],
);
