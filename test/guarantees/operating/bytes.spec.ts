import { afterEach, beforeEach, expect, it } from 'vitest';
import type { SelfTmOptions } from '../../../lib/index.js';
import { TestApplication } from '../../support/application.js';
import { codecIsOn } from '../../support/codec.js';
import { Databases, describePlacements } from '../../support/placements.js';
import { ReserveStock } from '../../support/steps.js';
import { waitFor } from '../../support/wait-for.js';

const KB = 1024;
const JOBS = 60;
const MAX = 64;

let databases: Databases;
const apps: TestApplication[] = [];

async function start(selfTm: SelfTmOptions = {}): Promise<TestApplication> {
  const app = await TestApplication.start(databases, { selfTm: { maxBytes: `${MAX}kB`, ...selfTm } });
  apps.push(app);
  return app;
}

/** Starts jobs of so many kB each, as they are stored, one after the other. */
async function startJobs(app: TestApplication, count: number, kilobytes: number): Promise<string[]> {
  const gids: string[] = [];
  const stored = kilobytes * KB;
  // What is encrypted is stored as base64, and its keys around it.
  const args = { orderId: 'x'.repeat(codecIsOn ? Math.floor(stored * 0.75) - 150 : stored - 100) };
  for (let n = 0; n < count; n += 1) {
    gids.push((await app.jobs.createJob().addStep(ReserveStock, args).start()).gid);
  }
  return gids;
}

/** Steps wait until they are released; `most` is how many have ever run at once. */
function hold(app: TestApplication): { readonly most: number; release: () => void } {
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  const held = { most: 0, release: () => release() };
  let running = 0;
  app.recording.onExecute = async () => {
    running += 1;
    held.most = Math.max(held.most, running);
    await released;
    running -= 1;
  };
  return held;
}

/** How many jobs this process or another holds. */
async function leased(): Promise<number> {
  const [row] = await databases.store.query<{ count: number | string }>(
    `SELECT count(*) AS count FROM stepping_jobs WHERE owner IS NOT NULL AND status = 'submitted'`,
  );
  return Number(row!.count);
}

async function succeed(app: TestApplication, gids: readonly string[]): Promise<void> {
  for (const gid of gids) expect((await app.ended(gid)).status).toBe('succeeded');
}

afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
  await databases.drop();
});

describePlacements('the bytes that a process holds', (backend, placement) => {
  beforeEach(async () => {
    databases = await Databases.create(backend, placement);
  });

  it('are bounded where it starts jobs: the others wait in the database, and any process may take them', async () => {
    const app = await start({ recoveryInterval: '1h' });
    const held = hold(app);
    const gids = await startJobs(app, JOBS, 8);
    // A claim in between may leave a place that is too small for the next one.
    await waitFor(() => held.most >= MAX / 8 - 1, { message: () => `more than ${held.most} jobs` });
    expect(await leased()).toBeLessThanOrEqual(MAX / 8);
    held.release();
    await succeed(app, gids);
    expect(held.most).toBeLessThanOrEqual(MAX / 8);
  });

  it('are bounded where it claims them', async () => {
    const starter = await start({ runSteps: false });
    const gids = await startJobs(starter, JOBS, 8);
    const app = await start();
    const held = hold(app);
    await waitFor(() => held.most === MAX / 8, { message: () => `${held.most} jobs to be ${MAX / 8}` });
    expect(await leased()).toBe(MAX / 8);
    held.release();
    await succeed(app, gids);
    expect(held.most).toBe(MAX / 8);
  });

  it('are those of one job, if it is larger than they may be', async () => {
    const starter = await start({ runSteps: false });
    const gids = await startJobs(starter, 3, 2 * MAX);
    const app = await start();
    let running = 0;
    let most = 0;
    app.recording.onExecute = async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setTimeout(resolve, 20));
      running -= 1;
    };
    await succeed(app, gids);
    const own = await startJobs(app, 3, 2 * MAX);
    await succeed(app, own);
    expect(most).toBe(1);
    expect(app.recording.executions).toHaveLength(6);
  });
});
