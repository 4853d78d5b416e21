import { afterEach, beforeEach, expect, it } from 'vitest';
import { Step, type StepContext, type StepHandler } from '../../../lib/index.js';
import type { AppProcess } from '../../support/child-process.js';
import { TestApplication } from '../../support/application.js';
import { describeBackends } from '../../support/database.js';
import { Effect } from '../../support/order.entity.js';
import { Databases } from '../../support/placements.js';
import { Recording } from '../../support/recording.js';
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

const LEASE = { leaseDuration: 1000, recoveryInterval: 100 };

describeBackends('an attempt is counted when it begins', (backend) => {
  let databases: Databases;
  let app: TestApplication | undefined;
  let workers: AppProcess[];

  beforeEach(() => {
    workers = [];
  });
  afterEach(async () => {
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

  it.each([
    ['once', 1],
    ['twice', 2],
  ] as const)(
    'a step that kills its process, beside jobs of the step %s, fails none that had not begun %i times',
    async (step, times) => {
      databases = await Databases.create(backend, 'one');
      app = await starter();
      await start('0-poison', 'twice', { die: true });
      const gids = Array.from({ length: 40 }, (_, at) => `innocent-${at}`);
      for (const gid of gids) await start(gid, step, { wait: 100 });
      let ended = false;
      const supervise = async () => {
        while (!ended) await worker({ selfTm: { ...LEASE, concurrency: 8 } }).exited;
      };
      const supervised = supervise();
      await waitFor(async () => !(await open()), { timeout: 60_000 });
      ended = true;
      await workers.at(-1)!.kill();
      await supervised;

      const begun = (gid: string) => workers.flatMap((each) => stepMessages(each, gid)).length;
      expect(begun('0-poison')).toBe(3);
      expect((await app.admin.find('0-poison'))!.error).toContain('StepAbandonedError');
      const jobs = await Promise.all(gids.map(async (gid) => (await app!.admin.find(gid))!));
      const failed = jobs.filter((job) => job.status === 'failed');
      expect(failed.filter(({ gid }) => begun(gid) < times)).toEqual([]);
      if (times > 1) expect(failed).toEqual([]);
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
