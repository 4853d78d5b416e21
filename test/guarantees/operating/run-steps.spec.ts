import pg from 'pg';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { SelfTmOptions } from '../../../lib/index.js';
import { TestApplication } from '../../support/application.js';
import { Databases, describePlacements } from '../../support/placements.js';
import { fence } from '../../support/fates.js';
import { Ping } from '../../support/steps.js';
import { storedJob } from '../../support/stored-job.js';
import { describeBackends } from '../../support/database.js';
import { waitFor } from '../../support/wait-for.js';

const SELDOM = '1h';
let databases: Databases;
const apps: TestApplication[] = [];

async function start(selfTm: SelfTmOptions): Promise<TestApplication> {
  const app = await TestApplication.start(databases, { selfTm });
  apps.push(app);
  return app;
}
afterEach(async () => {
  vi.restoreAllMocks();
  for (const app of apps.splice(0)) await app.close();
  await databases.drop();
});

const place = (app: TestApplication) =>
  app.dataSource.transaction(async () => app.jobs.createJob().addStep(Ping).start());

describePlacements('a process that only starts jobs', (backend, placement) => {
  beforeEach(async () => {
    databases = await Databases.create(backend, placement);
  });

  it('runs no step and leaves its jobs to others', async () => {
    const starter = await start({ runSteps: false });
    const { gid } = await place(starter);
    const failing = await starter.jobs.createJob({ delay: 1 }).addStep(Ping).start();
    const before = starter.admin.recovery().lastRunAt;
    await waitFor(() => starter.admin.recovery().lastRunAt !== before);
    await waitFor(async () => (await starter.admin.find(gid))?.status === 'submitted');
    // No lease: nobody has to wait for its end.
    expect(await storedJob(databases, gid)).toMatchObject({ owner: null, attempts: 0 });
    expect((await starter.admin.find(gid))!.steps[0]!.status).toBe('waiting');

    const runner = await start({});
    for (const job of [{ gid }, failing]) {
      expect((await runner.ended(job.gid)).status).toBe('succeeded');
      expect(runner.recording.trace(job.gid)).toEqual(['ping#1']);
    }
    await fence(runner);
    expect(starter.recording.executions).toEqual([]);
  });
});

describePlacements('a process whose steps are slow', (backend, placement) => {
  const JOBS = 100;
  const CONCURRENCY = 4;
  beforeEach(async () => {
    databases = await Databases.create(backend, placement);
  });

  it('takes few of the jobs that wait, so that another process has its share', async () => {
    // One step leaves a slot to the others.
    const slow = await start({ concurrency: CONCURRENCY });
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    slow.recording.onExecute = () => released;
    const starter = await start({ runSteps: false });
    const gids = await Promise.all(Array.from({ length: JOBS }, async () => (await place(starter)).gid));
    await waitFor(() => slow.recording.executions.length === CONCURRENCY - 1);

    const other = await start({});
    await waitFor(() => other.recording.executions.length >= JOBS - 3 * CONCURRENCY);
    release();
    for (const gid of gids) expect((await other.ended(gid)).status).toBe('succeeded');
    expect(slow.recording.executions.length + other.recording.executions.length).toBe(JOBS);
  });
});

describeBackends(
  'LISTEN and NOTIFY',
  (backend) => {
    beforeEach(async () => {
      databases = await Databases.create(backend, 'one');
    });
    /** The server's processes that listen for the runner: its connections carry the name of the test's schema. */
    const listeners = async (): Promise<number[]> =>
      (
        await databases.store.query<{ pid: number }>(
          `SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN "stepping_%' AND application_name = $1`,
          [databases.store.schema],
        )
      ).map(({ pid }) => pid);
    const runner = async (): Promise<TestApplication> => {
      const app = await TestApplication.start(databases, {
        selfTm: { recoveryInterval: SELDOM },
        dataSource: { extra: { application_name: databases.store.schema } },
      });
      apps.push(app);
      return app;
    };

    it('let a job of another process run at once', async () => {
      const running = await runner();
      await waitFor(async () => (await listeners()).length === 1);
      const starter = await start({ runSteps: false, recoveryInterval: SELDOM });
      const began = performance.now();
      const { gid } = await place(starter);
      expect((await running.ended(gid)).status).toBe('succeeded');
      // Polling would need an hour.
      console.log(`A job of another process has ended after ${Math.round(performance.now() - began)} ms`);
      expect(running.recording.trace(gid)).toEqual(['ping#1']);
    });

    it('begin again when their connection was lost', async () => {
      const running = await runner();
      const [pid] = await waitFor(async () => {
        const pids = await listeners();
        return pids.length === 1 && pids;
      });
      await databases.store.query('SELECT pg_terminate_backend($1)', [pid]);
      const starter = await start({ runSteps: false, recoveryInterval: SELDOM });
      const { gid } = await place(starter);
      // What came while nobody listened is found, too.
      expect((await running.ended(gid)).status).toBe('succeeded');
      expect(await listeners()).not.toContain(pid);
    });

    it('can do without: polling finds the jobs', async () => {
      const query = pg.Client.prototype.query as (...args: unknown[]) => unknown;
      let refused = 0;
      vi.spyOn(pg.Client.prototype, 'query').mockImplementation(function (this: unknown, ...args: unknown[]) {
        if (!String(args[0]).startsWith('LISTEN')) return query.apply(this, args);
        refused += 1;
        return Promise.reject(new Error('unsupported by this pooler'));
      } as never);
      const running = await start({ recoveryInterval: 50 });
      await waitFor(() => refused > 0);
      const starter = await start({ runSteps: false, recoveryInterval: SELDOM });
      const { gid } = await place(starter);
      expect((await running.ended(gid)).status).toBe('succeeded');
    });
  },
  ['postgres'],
);
