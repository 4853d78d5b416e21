import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Injectable, Logger } from '@nestjs/common';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import {
  InvalidOptionError,
  OnSteppingEvent,
  SteppingModule,
  SteppingOperations,
  UnrecoverableStepError,
  type BrakeOptions,
  type SteppingEvents,
} from '../../../lib/index.js';
import { TestApplication } from '../../support/application.js';
import { describeBackends } from '../../support/database.js';
import { Databases } from '../../support/placements.js';
import { Ping, ReserveStock } from '../../support/steps.js';
import { waitFor } from '../../support/wait-for.js';
import { startWorker, workerReady } from '../../support/worker.js';

type BrakeEvent = SteppingEvents['step.braked' | 'step.paused' | 'step.resumed'];

@Injectable()
class Watcher {
  readonly events: BrakeEvent[] = [];

  @OnSteppingEvent('step.braked', 'step.paused', 'step.resumed')
  on(event: BrakeEvent): void {
    this.events.push(event);
  }
}

const OF = 6;
const CONCURRENCY = 4;
const JOBS = 20;

describeBackends('the brake', (backend) => {
  let databases: Databases;
  const apps: TestApplication[] = [];
  const start = async (brake: BrakeOptions | false): Promise<TestApplication> => {
    const app = await TestApplication.start(databases, {
      providers: [Watcher],
      selfTm: { concurrency: CONCURRENCY },
      module: { brake, retry: { delay: 10, maxDelay: 10, jitter: false } },
    });
    apps.push(app);
    return app;
  };
  const eventsOf = (app: TestApplication) => app.context.get(Watcher).events;
  const startAll = (app: TestApplication) =>
    Promise.all(
      Array.from({ length: JOBS }, () =>
        app.jobs.createJob().addStep(ReserveStock, { orderId: '1' }).start(),
      ),
    );
  const failing = (app: TestApplication, error = () => new Error('the provider is away')) => {
    app.recording.onExecute = ({ step }) => {
      if (step === 'reserve-stock') throw error();
    };
  };
  const controls = () => databases.store.query('SELECT kind, target, value FROM stepping_controls');

  beforeEach(async () => {
    databases = await Databases.create(backend, 'one');
    vi.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    for (const app of apps.splice(0)) await app.close();
    await databases.drop();
  });

  it('pauses a step that fails, lets one attempt try after each pause, and releases it when that succeeds', async () => {
    const error = vi.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
    const app = await start({ action: 'pause', of: OF, pause: 400, max: 800 });
    failing(app);
    const jobs = await startAll(app);
    await waitFor(() => eventsOf(app).length === 2);
    expect(eventsOf(app)).toEqual([
      {
        event: 'step.braked',
        stepName: 'reserve-stock',
        action: 'pause',
        attempts: expect.any(Number),
        failed: expect.any(Number),
        pauseMs: 400,
      },
      expect.objectContaining({ event: 'step.paused', stepName: 'reserve-stock', kind: 'brake' }),
    ]);
    const { executions } = app.recording;
    const before = executions.length;
    expect(before).toBeGreaterThanOrEqual(OF);
    expect(before).toBeLessThanOrEqual(OF + CONCURRENCY);
    const other = await app.jobs.createJob().addStep(Ping).start();
    expect((await app.ended(other.gid)).status).toBe('succeeded');
    const attempts = () => executions.filter(({ step }) => step === 'reserve-stock').length;

    // Pauses of 400, 800 and 800 ms: at most one attempt follows each.
    const at = performance.now();
    await waitFor(() => attempts() >= before + 3);
    const took = performance.now() - at;
    expect(attempts()).toBeLessThanOrEqual(before + 2 + took / 800);
    expect(took).toBeGreaterThan(1000);

    app.recording.onExecute = () => undefined;
    for (const { gid } of jobs) expect((await app.ended(gid)).status).toBe('succeeded');
    await waitFor(() => eventsOf(app).length === 3);
    expect(eventsOf(app)[2]).toEqual({ event: 'step.resumed', stepName: 'reserve-stock' });
    const lines = error.mock.calls.map(([line]) => String(line));
    expect(lines.filter((line) => line.includes("The step 'reserve-stock' fails"))).toHaveLength(1);
    const audit = await databases.store.query('SELECT action, step FROM stepping_audit ORDER BY id');
    expect(audit.map((entry) => ({ ...entry }))).toEqual([
      { action: 'brake', step: 'reserve-stock' },
      { action: 'release', step: 'reserve-stock' },
    ]);
  });

  it('warns once in a window over all processes, and pauses nothing', async () => {
    const error = vi.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
    const both = [await start({ of: OF }), await start({ of: OF })];
    both.forEach((app) => failing(app));
    await Promise.all(both.map(startAll));
    await waitFor(() => both.flatMap(eventsOf).length > 0);
    const enough = () =>
      both.every((app) => app.recording.executions.length > 10 * OF) || both.flatMap(eventsOf).length > 1;
    await waitFor(enough);
    expect(both.flatMap(eventsOf)).toEqual([
      expect.objectContaining({ event: 'step.braked', action: 'warn' }),
    ]);
    const lines = error.mock.calls.map(([line]) => String(line));
    expect(lines.filter((line) => line.includes("The step 'reserve-stock' fails"))).toHaveLength(1);
    both.forEach((app) => (app.recording.onExecute = () => undefined));
  });

  it('pauses a step, tries and releases it where the audit cannot be written, which the log tells', async () => {
    const error = vi.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
    const told = () => error.mock.calls.map(([line]) => String(line)).filter((line) => /audit/.test(line));
    const app = await start({ action: 'pause', of: OF, pause: 400, max: 800 });
    failing(app);
    await databases.store.query('DROP TABLE stepping_audit');
    const jobs = await startAll(app);
    await waitFor(() => eventsOf(app).length === 2);
    app.recording.onExecute = () => undefined;
    for (const { gid } of jobs) expect((await app.ended(gid)).status).toBe('succeeded');
    await waitFor(() => eventsOf(app).length === 3);
    await waitFor(() => told().length === 2);
    expect(told()).toEqual(
      ['brake', 'release'].map((action) =>
        expect.stringContaining(`The audit could not be written: ${action} of the step 'reserve-stock': `),
      ),
    );
    const warned = vi.mocked(Logger.prototype.warn).mock.calls.map(([line]) => String(line));
    expect(warned.filter((line) => /cannot be shared|could not be stored/.test(line))).toEqual([]);
  });

  it('takes the probe of a process that has died', async () => {
    const now = { postgres: 'clock_timestamp()', mariadb: 'UTC_TIMESTAMP(6)', sqlite: String(Date.now()) }[
      backend
    ];
    // It makes the tables.
    await (await start(false)).close();
    apps.splice(0);
    const state = {
      names: ['reserve-stock'],
      state: 'probing',
      id: 'dead',
      attempts: 6,
      failed: 6,
      pauseMs: 60_000,
    };
    const until = backend === 'mariadb' ? '`until`' : '"until"';
    await databases.store.query(
      `INSERT INTO stepping_controls (kind, target, value, since, ${until})
       VALUES ('brake', 'reserve-stock', '${JSON.stringify(state)}', ${now}, ${now})`,
    );
    const app = await start({ action: 'pause', of: OF });
    const { gid } = await app.jobs.createJob().addStep(ReserveStock, { orderId: '1' }).start();
    expect((await app.ended(gid)).status).toBe('succeeded');
    expect(app.recording.trace(gid)).toEqual(['reserve-stock#1']);
    // It is stored a moment after the end of the job.
    const stored = async () => JSON.parse(String((await controls())[0]!.value)) as { state: string };
    await waitFor(async () => (await stored()).state === 'counting');
    expect(await stored()).toMatchObject({ attempts: 0, failed: 0, pauseMs: 60_000 });
  });

  it('is ended by resume()', async () => {
    vi.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
    const app = await start({ action: 'pause', of: OF, pause: '1h', max: '1h' });
    failing(app);
    const jobs = await startAll(app);
    await waitFor(() => eventsOf(app).length === 2);
    app.recording.onExecute = () => undefined;
    expect(await app.context.get(SteppingOperations).resume('reserve-stock')).toBe(true);
    for (const { gid } of jobs) expect((await app.ended(gid)).status).toBe('succeeded');
  });

  it('takes no account of jobs that fail by themselves, and costs a step that succeeds nothing', async () => {
    const app = await start({ action: 'pause', of: OF });
    await Promise.all((await startAll(app)).map(({ gid }) => app.ended(gid)));
    expect(await controls()).toEqual([]);
    failing(app, () => new UnrecoverableStepError('no such article'));
    for (const { gid } of await startAll(app)) expect((await app.ended(gid)).status).toBe('failed');
    expect(eventsOf(app)).toEqual([]);
    expect(await controls()).toEqual([]);
  });

  it('can be turned off', async () => {
    const app = await start(false);
    failing(app);
    await startAll(app);
    await waitFor(() => app.recording.executions.length > 10 * OF);
    expect(await controls()).toEqual([]);
    app.recording.onExecute = () => undefined;
  });
});

describeBackends('the brake over three processes', (backend) => {
  it('lets a bounded number of attempts begin, then one for each pause, and recovers by itself', async () => {
    const databases = await Databases.create(backend, 'one');
    const folder = mkdtempSync(join(tmpdir(), 'stepping-brake-'));
    const failUntil = join(folder, 'back');
    const control = await TestApplication.start(databases, { selfTm: { runSteps: false } });
    try {
      const names = ['one', 'two', 'three'];
      const brake: BrakeOptions = { action: 'pause', of: 20, pause: 2000, max: 2000 };
      const selfTm = { concurrency: CONCURRENCY };
      const workers = await Promise.all(
        names.map(async (name) => workerReady(startWorker(databases, { name, brake, selfTm }))),
      );
      const begun = () =>
        workers.flatMap(({ messages }) => messages.filter(({ type }) => type === 'begin')).length;
      for (const [at, worker] of workers.entries()) {
        const steps = [['reserve-stock', { failUntil }]];
        worker.send({ start: { gid: names[at], steps, times: 40 } });
      }
      const isBraked = () => workers.some(({ log }) => log.includes("The step 'reserve-stock' fails"));
      await waitFor(isBraked);
      await waitFor(() => workers.every(({ log }) => log.includes("The step 'reserve-stock' is paused")));
      const before = begun();
      console.log(`Three processes have begun ${before} attempts before the pause`);
      expect(before).toBeLessThanOrEqual(3 * (20 + CONCURRENCY));
      const at = performance.now();
      await waitFor(() => begun() >= before + 2);
      expect(begun()).toBeLessThanOrEqual(before + 1 + (performance.now() - at) / 2000);
      writeFileSync(failUntil, '');
      for (const name of names) {
        for (let job = 0; job < 40; job += 1) {
          expect((await control.ended(`${name}-${job}`)).status).toBe('succeeded');
        }
      }
    } finally {
      await control.close();
      rmSync(folder, { recursive: true });
    }
  });
});

it('the settings of the brake are checked', () => {
  for (const brake of [
    true,
    { ratio: 0 },
    { ratio: 2 },
    { of: 1 },
    { action: 'stop' },
    { pause: '1h' },
    { off: 1 },
  ]) {
    expect(() => SteppingModule.forRoot({ brake: brake as never })).toThrow(InvalidOptionError);
  }
  SteppingModule.forRoot({ brake: false });
  SteppingModule.forRoot({ brake: { action: 'pause', ratio: 1, within: '5m', max: '1h' } });
});
