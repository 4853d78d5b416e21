import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { EntityManager } from 'typeorm';
import { Step, type StepContext, type StepHandler } from '../../../lib/index.js';
import { Barrier } from '../../../lib/store/barrier.js';
import type { AppProcess } from '../../support/child-process.js';
import { TestApplication } from '../../support/application.js';
import { describeBackends } from '../../support/database.js';
import { Effect } from '../../support/order.entity.js';
import { Databases } from '../../support/placements.js';
import { Recording } from '../../support/recording.js';
import { makeDue } from '../../support/stored-job.js';
import { waitFor } from '../../support/wait-for.js';
import { startWorker, stepMessages, workerReady } from '../../support/worker.js';

/** The step of `test/apps` that has one attempt. */
@Step({ name: 'once', retry: { maxAttempts: 1 } })
class Once implements StepHandler<object> {
  constructor(private readonly recording: Recording) {}
  async execute(args: object, context: StepContext): Promise<void> {
    await this.recording.note('once', args, context);
  }
}

/** The transactional step of `test/apps` that has one attempt. */
@Step({ name: 'effect-once', transactional: { dataSource: 'default' }, retry: { maxAttempts: 1 } })
class EffectOnce implements StepHandler<object> {
  constructor(private readonly recording: Recording) {}
  async execute(args: object, context: StepContext<EntityManager>): Promise<void> {
    await this.recording.note('effect-once', args, context as unknown as StepContext);
  }
}

const SLOTS = 4;
const LEASE = { leaseDuration: 1000, recoveryInterval: 100 };

describeBackends('an attempt is counted when it begins', (backend) => {
  let databases: Databases;
  let app: TestApplication | undefined;
  let workers: AppProcess[];

  beforeEach(() => {
    workers = [];
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await Promise.all(workers.map((each) => each.kill()));
    await app?.close();
    await databases.drop();
  });

  const worker = (
    ...options: Parameters<typeof startWorker> extends [unknown, ...infer Rest] ? Rest : never
  ) => {
    const started = startWorker(databases, ...options);
    workers.push(started);
    return started;
  };
  const starter = () => TestApplication.start(databases, { selfTm: { ...LEASE, runSteps: false } });
  const start = (gid: string, step: string, args: object = {}) =>
    app!.jobs.createJob({ gid, transaction: 'none' }).addStep(step, args).start();
  const open = async () => (await app!.admin.list({ status: 'submitted', limit: 1 })).jobs.length > 0;

  it.each(['once', 'twice'] as const)(
    'a step that kills its process takes no job with it that only waited there, nor one that may run a second time (%s)',
    async (step) => {
      databases = await Databases.create(backend, 'one');
      app = await starter();
      await start('0-poison', 'twice', { die: true });
      const gids = Array.from({ length: 60 }, (_, at) => `innocent-${at}`);
      for (const gid of gids) await start(gid, step, { wait: 100 });
      let ended = false;
      const supervise = async () => {
        while (!ended) await worker({ selfTm: { ...LEASE, concurrency: SLOTS } }).exited;
      };
      const supervised = supervise();
      await waitFor(async () => !(await open()), { timeout: 60_000 });
      ended = true;
      await workers.at(-1)!.kill();
      await supervised;

      const deaths = workers.flatMap((each) => stepMessages(each, '0-poison')).length;
      expect(deaths).toBe(3);
      expect((await app.admin.find('0-poison'))!.error).toContain('StepAbandonedError');
      const jobs = await Promise.all(gids.map(async (gid) => (await app!.admin.find(gid))!));
      const failed = jobs.filter((job) => job.status === 'failed');
      // A step that may run once has begun when that is stored, whether or not its process lives until its first line.
      expect(failed.length).toBeLessThanOrEqual(step === 'once' ? deaths * (SLOTS - 1) : 0);
      for (const job of failed) expect(job.error).toContain('StepAbandonedError');
      expect(jobs.filter((job) => job.status === 'succeeded')).toHaveLength(gids.length - failed.length);
    },
    90_000,
  );

  it('jobs that waited in a process whose event loop was blocked begin elsewhere, as their first attempt', async () => {
    databases = await Databases.create(backend, 'one');
    const blocked = await workerReady(worker({ name: 'blocked', selfTm: { ...LEASE, concurrency: 1 } }));
    blocked.send({
      start: {
        gid: 'blocking',
        steps: [['reserve-stock', { block: 4000, only: 'blocked' }]],
        transaction: 'none',
      },
    });
    blocked.send({ start: { gid: 'waiting', steps: [['once']], transaction: 'none', times: 10 } });
    await waitFor(() => stepMessages(blocked, 'blocking').length > 0);
    app = await TestApplication.start(databases, { selfTm: LEASE, providers: [Once] });
    for (let at = 0; at < 10; at += 1) {
      const job = await app.ended(`waiting-${at}`);
      expect(job).toMatchObject({ status: 'succeeded', steps: [{ attempts: 1 }] });
    }
  });

  it('a committed step whose process died before it could tell ends the job as succeeded', async () => {
    databases = await Databases.create(backend, 'two');
    app = await starter();
    await start('told-late', 'effect-once');
    const dying = worker({ selfTm: LEASE, faults: [{ point: 'step:committed' }] });
    await dying.exited;
    expect((await app.admin.find('told-late'))!.status).toBe('submitted');
    worker({ selfTm: LEASE });
    expect(await app.ended('told-late')).toMatchObject({ status: 'succeeded', steps: [{ attempts: 1 }] });
    expect(await app.count(Effect)).toBe(1);
  });

  it('nor does it fail while the database with its mark cannot be asked', async () => {
    databases = await Databases.create(backend, 'two');
    app = await TestApplication.start(databases, { selfTm: LEASE, providers: [EffectOnce] });
    const error = new Error('the database cannot be asked now');
    vi.spyOn(Barrier.prototype, 'isDone').mockRejectedValue(error);
    const dying = worker({ selfTm: LEASE, faults: [{ point: 'step:committed' }] });
    await workerReady(dying);
    dying.send({ start: { gid: 'told-later', steps: [['effect-once']], transaction: 'none' } });
    await dying.exited;
    const asked = async () => ((await app!.admin.find('told-later'))!.error ?? '').includes(error.message);
    await waitFor(async () => (await makeDue(databases, 'told-later'), asked()));
    expect((await app.admin.find('told-later'))!.status).toBe('submitted');
    vi.restoreAllMocks();
    const ended = async () => (await app!.admin.find('told-later'))!.endedAt;
    await waitFor(async () => (await makeDue(databases, 'told-later'), ended()));
    expect(await app.ended('told-later')).toMatchObject({ status: 'succeeded', steps: [{ attempts: 1 }] });
    expect(await app.count(Effect)).toBe(1);
    expect(app.recording.executions).toEqual([]);
  });
});

describeBackends(
  'a transaction that is open for longer than the lease',
  (backend) => {
    it('renews the leases of its jobs, which then run where they were started', async () => {
      const databases = await Databases.create(backend, 'one');
      const options = { selfTm: { ...LEASE, leaseDuration: 2000 }, providers: [Once] };
      const one = await TestApplication.start(databases, options);
      const other = await TestApplication.start(databases, options);
      const gids = Array.from({ length: 30 }, (_, at) => `long-${at}`);
      try {
        await one.dataSource.transaction(async (manager) => {
          // A gid of one's own is written at once, also where others wait for the COMMIT.
          for (const gid of gids) await one.jobs.createJob({ gid }).addStep('once', {}).start();
          await manager.query(backend === 'postgres' ? 'SELECT pg_sleep(3)' : 'SELECT SLEEP(3)');
        });
        for (const gid of gids) {
          expect(await one.ended(gid)).toMatchObject({ status: 'succeeded', steps: [{ attempts: 1 }] });
          expect(one.recording.trace(gid)).toEqual(['once#1']);
        }
      } finally {
        await Promise.all([one.close(), other.close()]);
        await databases.drop();
      }
    });
  },
  ['postgres', 'mariadb'],
);
