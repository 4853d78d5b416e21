import { AsyncLocalStorage } from 'node:async_hooks';
import { symlinkSync, unlinkSync } from 'node:fs';
import { Logger } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { indexes, startWorker, workerReady } from '../../support/worker.js';
import { suiteApplication } from '../../support/suite-application.js';
import { connect, TestApplication } from '../../support/application.js';
import { Databases } from '../../support/placements.js';
import { fence } from '../../support/fates.js';
import { Effect, Order } from '../../support/order.entity.js';
import { Ping, ReserveStock, WriteEffect } from '../../support/steps.js';
import { describeBackends } from '../../support/database.js';
import { waitFor } from '../../support/wait-for.js';

describeBackends(
  'one connection for everything',
  (backend) => {
    let databases: Databases;
    let app: TestApplication;
    suiteApplication(backend, 'one', (started) => ({ databases, app } = started));

    it('serves 50 requests at once, each with a transaction and a job; every third rolls back', async () => {
      const gids = new Map<number, string>();
      const results = await Promise.allSettled(
        Array.from({ length: 50 }, (_, index) =>
          app.dataSource.transaction(async (manager) => {
            await manager.insert(Order, { id: `order-${index}` });
            // Gives the others every opportunity to slip in.
            await new Promise((resolve) => setImmediate(resolve));
            const { gid } = await app.jobs
              .createJob()
              .addStep(WriteEffect, { orderId: `${index}` })
              .addStep(Ping)
              .start();
            gids.set(index, gid);
            await manager.update(Order, { id: `order-${index}` }, { note: gid });
            if (index % 3 === 0) throw new Error(`no ${index}`);
          }),
        ),
      );
      for (const [index, result] of results.entries()) {
        expect(result.status === 'rejected' ? (result.reason as Error).message : 'committed').toBe(
          index % 3 === 0 ? `no ${index}` : 'committed',
        );
      }
      const committed = [...gids].filter(([index]) => index % 3 !== 0).map(([, gid]) => gid);
      for (const gid of committed) {
        expect((await app.ended(gid)).status).toBe('succeeded');
        expect(app.recording.trace(gid)).toEqual(['write-effect#1', 'ping#1']);
      }
      await fence(app);
      for (const [index, gid] of gids) if (index % 3 === 0) expect(await app.admin.find(gid)).toBeNull();
      expect(await app.count(Order)).toBe(committed.length);
      const notes = (await app.dataSource.getRepository(Order).find()).map(({ note }) => note);
      expect(notes.toSorted()).toEqual(committed.toSorted());
      const keys = (await app.dataSource.getRepository(Effect).find()).map(({ key }) => key);
      expect(keys.toSorted()).toEqual(committed.map((gid) => `${gid}:0`).toSorted());
    });

    it('lets the holder of a transaction through: nested transactions and DistributedJobs do not wait for themselves', async () => {
      // In the context of this test, not of the transaction.
      const outside = AsyncLocalStorage.snapshot();
      const { gid } = await app.dataSource.transaction(async (manager) => {
        const job = await app.jobs.createJob().addStep(Ping).start();
        // Somebody else waits for the connection meanwhile.
        void outside(() => app.dataSource.transaction((other) => other.insert(Order, { id: 'waits' })));
        await manager.transaction((nested) => nested.insert(Order, { id: 'nested' }));
        expect(await app.admin.find(job.gid)).toMatchObject({ status: 'submitted' });
        expect((await app.admin.list({ status: 'submitted' })).jobs.map(({ gid: each }) => each)).toContain(
          job.gid,
        );
        return job;
      });
      await waitFor(async () => (await app.dataSource.getRepository(Order).countBy({ id: 'waits' })) === 1);
      expect((await app.ended(gid)).status).toBe('succeeded');
      expect(await app.dataSource.getRepository(Order).countBy({ id: 'nested' })).toBe(1);
    });

    it('says once where a transaction began that others wait for', async () => {
      const warn = vi.spyOn(Logger.prototype, 'warn');
      const told = () =>
        warn.mock.calls.map(([line]) => String(line)).filter((line) => line.includes('began'));
      let end!: () => void;
      const held = new Promise<void>((resolve) => (end = resolve));
      const all = [
        app.dataSource.transaction(() => held),
        ...['behind-1', 'behind-2'].map((id) =>
          app.dataSource.transaction((manager) => manager.insert(Order, { id })),
        ),
      ];
      try {
        await waitFor(() => told().length > 0);
        expect(told()).toEqual([expect.stringContaining('sqlite.spec.ts')]);
        expect(told()[0]).toContain('still open after 5000 ms');
      } finally {
        end();
        warn.mockRestore();
      }
      await Promise.all(all);
    });

    it('keeps its own statements out of a transaction that is rolled back', async () => {
      let began!: () => void;
      let release!: () => void;
      const running = new Promise<void>((resolve) => (began = resolve));
      const held = new Promise<void>((resolve) => (release = resolve));
      app.recording.onExecute = async ({ step }) => {
        if (step !== 'reserve-stock') return;
        began();
        await held;
      };
      const { gid } = await app.jobs
        .createJob({ transaction: 'none' })
        .addStep(ReserveStock, { orderId: '1' })
        .addStep(Ping)
        .start();
      await running;
      // Begun elsewhere: this code is not inside of it.
      const runner = app.dataSource.createQueryRunner();
      await AsyncLocalStorage.snapshot()(() => runner.startTransaction());
      await runner.manager.insert(Order, { id: 'rolled back' });
      // The success of the first step is to be stored now, in no case inside of this transaction.
      release();
      const other = app.jobs.createJob({ transaction: 'none' }).addStep(Ping).start();
      for (let turn = 0; turn < 50; turn += 1) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        await runner.query('SELECT 1');
      }
      expect(app.recording.trace(gid)).toEqual(['reserve-stock#1']);
      await runner.rollbackTransaction();
      await runner.release();
      expect((await app.ended(gid)).status).toBe('succeeded');
      expect((await app.ended((await other).gid)).status).toBe('succeeded');
      expect(app.recording.trace(gid)).toEqual(['reserve-stock#1', 'ping#1']);
      expect(await app.dataSource.getRepository(Order).countBy({ id: 'rolled back' })).toBe(0);
      app.recording.onExecute = () => undefined;
    });

    it('shares its file with another process', async () => {
      const worker = await workerReady(startWorker(databases, { selfTm: { leaseDuration: '1h' } }));
      try {
        worker.send({
          start: {
            gid: 'theirs',
            steps: [['reserve-stock'], ['send-email']],
            transaction: 'commit',
            times: 40,
          },
        });
        const own = await Promise.all(
          Array.from({ length: 40 }, () =>
            app.dataSource.transaction(async () => app.jobs.createJob().addStep(Ping).addStep(Ping).start()),
          ),
        );
        for (const { gid } of own) {
          expect((await app.ended(gid)).status).toBe('succeeded');
          expect(app.recording.trace(gid)).toEqual(['ping#1', 'ping#1']);
        }
        const theirs = await waitFor(async () => {
          const { jobs } = await app.admin.list({ step: 'send-email', limit: 1000 });
          return jobs.length === 40 && jobs.every(({ endedAt }) => endedAt) && jobs;
        });
        for (const { gid, status } of theirs) {
          expect(status).toBe('succeeded');
          const ran = () =>
            [...indexes(worker, gid), ...app.recording.of(gid).map(({ index }) => index)].toSorted();
          // What the worker tells may come later than the row that it writes.
          await waitFor(() => ran().length >= 2);
          expect(ran()).toEqual([0, 1]);
        }
      } finally {
        await worker.kill();
      }
    });
  },
  ['sqlite'],
);

describeBackends(
  'two DataSources of an application on one file',
  (backend) => {
    let databases: Databases;
    let second: DataSource;
    let link: string;

    beforeEach(async () => {
      databases = await Databases.create(backend, 'one');
      link = `${databases.store.url}.link`;
      symlinkSync(databases.store.url, link);
    });
    afterEach(async () => {
      await second.destroy();
      unlinkSync(link);
      await databases.drop();
    });

    const start = async (options: Record<string, unknown>, keeper: string) => {
      second = await connect(databases.store, {
        name: 'second',
        entities: [],
        synchronize: false,
        ...options,
      });
      return TestApplication.start(databases, {
        providers: [{ provide: Symbol('second'), useValue: second }],
        selfTm: { dataSource: keeper },
      });
    };

    it.each([
      ['the second', 'second', "selfTm({ dataSource: 'default' })"],
      ['the first', 'default', "selfTm({ dataSource: 'second' })"],
    ])('are refused at the start where %s keeps the jobs', async (_, keeper, remedy) => {
      await expect(start({ database: link }, keeper)).rejects.toMatchObject({
        code: 'STEPPING_UNSUPPORTED_DATABASE',
        message: expect.stringContaining(remedy) as string,
      });
    });

    it('are no matter where the other one only reads', async () => {
      const app = await start({ readonly: true }, 'default');
      try {
        const { gid } = await app.dataSource.transaction(() => app.jobs.createJob().addStep(Ping).start());
        expect((await app.ended(gid)).status).toBe('succeeded');
      } finally {
        await app.close();
      }
    });
  },
  ['sqlite'],
);
