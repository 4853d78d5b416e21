import { Logger } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { hasMariaDb, startOwnMariaDb, type OwnServer } from '../../../proof/src/own-servers.js';
import { Step, type StepContext, type StepHandler } from '../../../lib/index.js';
import { TestApplication, type ApplicationOptions } from '../../support/application.js';
import { backends, itOn, type Backend } from '../../support/database.js';
import { Effect, Order } from '../../support/order.entity.js';
import { Databases, type Placement } from '../../support/placements.js';
import { Recording } from '../../support/recording.js';
import { Ping, ReserveStock, WriteEffect } from '../../support/steps.js';
import { SwitchedAccount } from '../../support/switched-account.js';
import { waitFor } from '../../support/wait-for.js';

/** Reads, and leaves the only write to the mark that it is done. */
@Step({ name: 'look', transactional: true })
class Look implements StepHandler {
  constructor(private readonly recording: Recording) {}
  async execute(_: void, context: StepContext<EntityManager>): Promise<void> {
    await this.recording.note('look', undefined, context as StepContext);
    await context.manager.count(Order);
  }
}

const REFUSED = /read-only/;

function suite(backend: Backend): void {
  let databases: Databases;
  let account: SwitchedAccount;
  let app: TestApplication;

  const create = async (placement: Placement) => {
    databases = await Databases.create(backend, placement);
    // The tables are made by their owner.
    await (await TestApplication.start(databases)).close();
    account = await SwitchedAccount.create(databases.business);
  };
  const start = async (selfTm: ApplicationOptions['selfTm'] = {}) => {
    app = await TestApplication.start(databases, {
      module: { autoMigrate: false },
      providers: [Look],
      dataSource: { url: account.url, synchronize: false },
      selfTm: { recoveryInterval: 50, ...selfTm },
    });
  };
  afterEach(async () => {
    vi.restoreAllMocks();
    await app.close();
    await account.drop();
    await databases.drop();
  });

  const place = (id: string) =>
    app.dataSource.transaction(async (manager) => {
      await manager.insert(Order, { id });
      return (await app.jobs.createJob().addStep(ReserveStock, { orderId: id }).start()).gid;
    });
  const ping = async () => (await app.jobs.createJob({ transaction: 'none' }).addStep(Ping).start()).gid;
  const stopped = () => waitFor(() => app.admin.recovery().error !== null);
  const goesOn = () => waitFor(() => app.admin.recovery().error === null);
  /** Connections of the pool, until the function that is returned gives them back. */
  const take = async (count: number) => {
    const runners = await Promise.all(Array.from({ length: count }, () => waitFor(takeOne)));
    return () => Promise.all(runners.map((runner) => runner.release()));
  };
  /** Some connections have just been ended, which shows when they are used. */
  const takeOne = async () => {
    const runner = app.dataSource.createQueryRunner();
    const answered = await runner.query('SELECT 1').catch(() => undefined);
    if (!answered) await runner.release();
    return answered && runner;
  };
  /** A running job; call what is returned to end its step. */
  const hold = async () => {
    let finish!: () => void;
    const finished = new Promise<void>((resolve) => (finish = resolve));
    app.recording.onExecute = () => finished;
    const gid = await place('held');
    await waitFor(() => app.recording.of(gid).length === 1);
    app.recording.onExecute = () => undefined;
    return { gid, finish };
  };

  describe('with the jobs', () => {
    beforeEach(() => create('one'));

    it('is left by every connection of the pool, is told once, and costs no attempt', async () => {
      const errors = vi.spyOn(Logger.prototype, 'error');
      const warnings = vi.spyOn(Logger.prototype, 'warn');
      await start();
      const { gid: held, finish } = await hold();
      const delayed = await app.jobs.createJob({ transaction: 'none', delay: 300 }).addStep(Ping).start();

      await account.readOnly();
      const release = await take(4);
      await stopped();
      // A step succeeds while nobody can write that down.
      finish();
      await waitFor(() =>
        warnings.mock.calls.flat().join().includes('Storing the progress of 1 jobs failed'),
      );
      await expect(place('refused')).rejects.toThrow(REFUSED);
      await expect(ping()).rejects.toMatchObject({ cause: { message: expect.stringMatching(REFUSED) } });
      const { error } = app.admin.recovery();
      await waitFor(() => app.admin.recovery().error !== error);

      await account.writable();
      await goesOn();
      await release();
      // As many as the pool has connections.
      const placed = await Promise.all(Array.from({ length: 10 }, (_, at) => place(`after-${at}`)));
      for (const gid of [held, delayed.gid, ...placed]) {
        const job = await app.ended(gid);
        expect({ status: job.status, runs: app.recording.of(gid).length }).toEqual({
          status: 'succeeded',
          runs: 1,
        });
      }
      const told = (text: string) =>
        [...errors.mock.calls, ...warnings.mock.calls].flat().join('\n').split(text);
      expect(told('Recovery cannot reach the job store')).toHaveLength(2);
      expect(told('Storing the progress')).toHaveLength(2);
    });

    it('refuses nothing any more as soon as it has been replaced', async () => {
      await start({ recoveryInterval: '1h' });
      await account.readOnly();
      // All of them are to the old one.
      const release = await take(10);
      await release();
      await account.writable();
      const gid = await ping();
      expect((await app.ended(gid)).status).toBe('succeeded');
    });

    it('does not count a transactional step of which only the done-mark was refused', async () => {
      await start({ concurrency: 1 });
      const { gid: held, finish } = await hold();
      const { gid } = await app.jobs.createJob({ transaction: 'none' }).addStep(Look).start();
      await account.readOnly();
      await stopped();
      // A step that has waited for its connection asks for its job first, and does not begin.
      const release = await take(1);
      await release();
      finish();
      await waitFor(() => app.recording.of(gid).length === 1);
      await account.writable();
      const handedBack = `SELECT gid FROM stepping_jobs WHERE gid = '${gid}' AND owner IS NULL`;
      await waitFor(async () => (await databases.store.query(handedBack)).length === 1);
      // What it waits for, without the wait.
      await databases.store.query(`UPDATE stepping_jobs SET due_at = created_at WHERE gid = '${gid}'`);
      expect((await app.ended(gid)).status).toBe('succeeded');
      expect((await app.ended(held)).status).toBe('succeeded');
      expect(app.recording.trace(gid)).toEqual(['look#1', 'look#1']);
    });

    itOn(backend, 'postgres')('is left by the listening connection', async () => {
      await start();
      const first = await waitFor(() => account.listeningSince());
      await account.readOnly();
      const second = await waitFor(async () => {
        const since = await account.listeningSince();
        return since !== first && since;
      });
      // The pool has connections to the old one, too, by which it is noticed.
      const release = await take(2);
      await account.writable();
      await release();
      await goesOn();
      await waitFor(async () => ((await account.listeningSince()) ?? 0) > second);
    });
  });

  describe('of a transactional step alone', () => {
    beforeEach(() => create('two'));

    it('fails the attempt, whose connection is not used again', async () => {
      await start();
      await account.readOnly();
      const job = app.jobs.createJob({ transaction: 'none' }).addStep(WriteEffect, { orderId: '1' });
      const { gid } = await job.start();
      const failures = () => app.admin.find(gid).then((found) => found!.steps[0]!.attempts);
      await waitFor(async () => (await failures()) > 3);
      expect((await app.admin.find(gid))!.error).toMatch(REFUSED);
      await account.writable();
      expect((await app.ended(gid)).status).toBe('succeeded');
      expect(await app.count(Effect)).toBe(1);
    });
  });
}

const postgres = backends.find(({ backend }) => backend === 'postgres')?.skipReason;
if (postgres)
  describe.skip(`a primary that becomes read-only [postgres] (skipped: ${postgres})`, () =>
    suite('postgres'));
else describe('a primary that becomes read-only [postgres]', () => suite('postgres'));

if (!hasMariaDb()) {
  describe.skip('a primary that becomes read-only [mariadb] (skipped: no mariadbd)', () => suite('mariadb'));
} else {
  describe('a primary that becomes read-only [mariadb]', () => {
    let server: OwnServer;
    beforeAll(async () => {
      server = (await startOwnMariaDb())!;
      vi.stubEnv('MYSQL_URL', server.url);
      const { createConnection } = await import('mysql2/promise');
      const admin = await createConnection(server.url);
      await admin.query('SET GLOBAL read_only = 1');
      await admin.end();
    });
    afterAll(async () => {
      vi.unstubAllEnvs();
      await server?.stop();
    });
    suite('mariadb');
  });
}
