import { afterEach, beforeEach, expect, it } from 'vitest';
import { Step, type SelfTmOptions, type StepContext, type StepHandler } from '../../../lib/index.js';
import { TestApplication } from '../../support/application.js';
import { Databases, describePlacements } from '../../support/placements.js';
import { Recording, type Execution } from '../../support/recording.js';
import { Ping, ReserveStock, SendEmail } from '../../support/steps.js';
import { waitFor } from '../../support/wait-for.js';

@Step({ name: 'one-at-a-time', concurrency: 1 })
class OneAtATime implements StepHandler {
  constructor(private readonly recording: Recording) {}
  async execute(_: void, context: StepContext): Promise<void> {
    await this.recording.note('one-at-a-time', undefined, context);
  }
}

/** 7/8 of the default. */
const SHARE = 28;
const ORDER = { orderId: 'o' };

let databases: Databases;
const apps: TestApplication[] = [];

async function start(selfTm: SelfTmOptions = {}): Promise<TestApplication> {
  const app = await TestApplication.start(databases, { selfTm, providers: [OneAtATime] });
  apps.push(app);
  return app;
}

/** Makes executions wait until the function that is returned is called. */
function hold(app: TestApplication, isHeld: (execution: Execution) => boolean): () => void {
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  app.recording.onExecute = (execution) => (isHeld(execution) ? released : undefined);
  return release;
}

const times = <T>(count: number, work: () => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, work));
const ping = async (app: TestApplication) => (await app.jobs.createJob().addStep(Ping).start()).gid;
const reserve = async (app: TestApplication) =>
  (await app.jobs.createJob().addStep(ReserveStock, ORDER).start()).gid;
const executed = (app: TestApplication, step: string) =>
  app.recording.executions.filter((execution) => execution.step === step).length;

async function succeed(app: TestApplication, gids: readonly string[]): Promise<void> {
  for (const gid of gids) expect((await app.ended(gid)).status).toBe('succeeded');
}

afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
  await databases.drop();
});

describePlacements('the share of one step', (backend, placement) => {
  beforeEach(async () => {
    databases = await Databases.create(backend, placement);
  });

  it('is 7/8 of the slots: a step that does not end leaves the others theirs, and so do two', async () => {
    const app = await start();
    const release = hold(app, ({ step }) => step === 'ping' || step === 'send-email');
    const slow = await times(100, () => ping(app));
    await succeed(app, [await reserve(app)]);
    expect(executed(app, 'ping')).toBe(SHARE);

    const email = async () => (await app.jobs.createJob().addStep(SendEmail, ORDER).start()).gid;
    const slower = await times(100, email);
    await succeed(app, [await reserve(app)]);
    expect(executed(app, 'send-email')).toBe(3);
    release();
    await succeed(app, [...slow, ...slower]);
  });

  it('is what the step says, and its jobs hold up no others', async () => {
    const app = await start();
    const one = async () => (await app.jobs.createJob().addStep(OneAtATime).start()).gid;
    const release = hold(app, ({ step }) => step === 'one-at-a-time');
    const limited = await times(200, one);
    await succeed(app, await times(50, () => reserve(app)));
    expect(executed(app, 'one-at-a-time')).toBe(1);
    release();

    let running = 0;
    let most = 0;
    app.recording.onExecute = async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
    };
    await succeed(app, limited);
    expect(most).toBe(1);
  });

  it('counts for later steps of a job: it gives way while its next step is at its limit', async () => {
    const app = await start({ concurrency: 4 });
    const release = hold(app, ({ step }) => step === 'one-at-a-time');
    const two = async () => (await app.jobs.createJob().addStep(Ping).addStep(OneAtATime).start()).gid;
    const limited = await times(20, two);
    await succeed(app, await times(20, () => reserve(app)));
    await waitFor(() => executed(app, 'ping') === 20);
    expect(executed(app, 'one-at-a-time')).toBe(1);
    release();
    await succeed(app, limited);
    expect(app.recording.executions).toHaveLength(60);
  });

  it('leaves jobs of other steps to be claimed while those of one fill what waits', async () => {
    const starter = await start({ runSteps: false });
    const slow = await times(200, () => ping(starter));
    const app = await start();
    const release = hold(app, ({ step }) => step === 'ping');
    await waitFor(() => executed(app, 'ping') === SHARE);
    await succeed(app, await times(50, () => reserve(starter)));
    release();
    await succeed(app, slow);
  });
});

describePlacements('jobs that cannot begin soon', (backend, placement) => {
  const JOBS = 400;
  beforeEach(async () => {
    databases = await Databases.create(backend, placement);
  });

  it('are handed to other processes, also those that were started here', async () => {
    const busy = await start();
    const release = hold(busy, ({ step }) => step === 'ping');
    const gids = await times(JOBS, () => ping(busy));
    await waitFor(() => busy.recording.executions.length === SHARE);

    const idle = await start();
    // What runs there, and what can begin there within a second.
    await waitFor(() => idle.recording.executions.length >= JOBS - 3 * SHARE);
    release();
    await succeed(idle, gids);
    expect(busy.recording.executions.length + idle.recording.executions.length).toBe(JOBS);
    expect(
      new Set([...busy.recording.executions, ...idle.recording.executions].map(({ attempt }) => attempt)),
    ).toEqual(new Set([1]));
  });
});
