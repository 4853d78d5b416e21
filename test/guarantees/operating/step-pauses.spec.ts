import { Injectable, Logger } from '@nestjs/common';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import {
  InvalidOptionError,
  OnSteppingEvent,
  Step,
  SteppingOperations,
  TransactionManagerUnavailableError,
  type SelfTmOptions,
  type StepContext,
  type StepHandler,
  type SteppingEvents,
} from '../../../lib/index.js';
import { TestApplication } from '../../support/application.js';
import { describeBackends, type TestDatabase } from '../../support/database.js';
import { fence } from '../../support/fates.js';
import { Databases } from '../../support/placements.js';
import { Recording } from '../../support/recording.js';
import { Ping, ReserveStock } from '../../support/steps.js';
import { makeDue, storedJob } from '../../support/stored-job.js';
import { waitFor } from '../../support/wait-for.js';
import { startWorker, stepMessages, workerReady } from '../../support/worker.js';

@Step({ name: 'charge', aliases: ['pay', 'bill'] })
class Charge implements StepHandler<void> {
  constructor(private readonly recording: Recording) {}
  async execute(_: void, context: StepContext): Promise<void> {
    await this.recording.note(context.stepName, undefined, context);
  }
}

@Injectable()
class Watcher {
  readonly events: SteppingEvents['step.paused' | 'step.resumed'][] = [];

  @OnSteppingEvent('step.paused', 'step.resumed')
  on(event: SteppingEvents['step.paused' | 'step.resumed']): void {
    this.events.push(event);
  }
}

const reason = 'the provider is away';

const auditOf = (database: TestDatabase) =>
  database.query('SELECT action, step, reason, done_by AS who, changed FROM stepping_audit ORDER BY id');

describeBackends('a paused step', (backend) => {
  let databases: Databases;
  const apps: TestApplication[] = [];
  const start = async (selfTm: SelfTmOptions = {}): Promise<TestApplication> => {
    const app = await TestApplication.start(databases, { providers: [Charge, Watcher], selfTm });
    apps.push(app);
    return app;
  };
  const operations = (app: TestApplication) => app.context.get(SteppingOperations);
  /** Steps wait until they are told to go on. */
  const hold = (app: TestApplication, step: string): (() => void) => {
    let release!: () => void;
    const held = new Promise<void>((resolve) => (release = resolve));
    app.recording.onExecute = (execution) => (execution.step === step ? held : undefined);
    return release;
  };
  const isHandedBack = async (gid: string, step: string): Promise<boolean> => {
    const job = (await storedJob(databases, gid))!;
    return (
      job.status === 'submitted' && job.owner === null && job.step_name === step && Number(job.attempts) === 0
    );
  };

  beforeEach(async () => {
    databases = await Databases.create(backend, 'one');
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    for (const app of apps.splice(0)) await app.close();
    await databases.drop();
  });

  it('begins no attempt, while the one that runs goes on, and jobs that waited or come to it go back', async () => {
    const app = await start({ concurrency: 2 });
    const release = hold(app, 'ping');
    const first = await app.jobs.createJob().addStep(Ping).addStep(Ping).start();
    const second = await app.jobs.createJob().addStep(Ping).start();
    await waitFor(() => app.recording.executions.length === 2);
    const waiting = await Promise.all(
      Array.from({ length: 20 }, () => app.jobs.createJob().addStep(Ping).start()),
    );
    await operations(app).pause('ping', { reason });
    for (const { gid } of waiting) await waitFor(() => isHandedBack(gid, 'ping'));
    expect(await storedJob(databases, first.gid)).toMatchObject({ owner: expect.any(String) });

    release();
    expect((await app.ended(second.gid)).status).toBe('succeeded');
    await waitFor(() => isHandedBack(first.gid, 'ping'));
    const other = await app.jobs.createJob().addStep(ReserveStock, { orderId: '1' }).start();
    expect((await app.ended(other.gid)).status).toBe('succeeded');
    expect(app.recording.executions.filter(({ step }) => step === 'ping')).toHaveLength(2);

    expect(await operations(app).resume('ping')).toBe(true);
    for (const { gid } of [first, ...waiting]) expect((await app.ended(gid)).status).toBe('succeeded');
    expect(app.recording.trace(first.gid)).toEqual(['ping#1', 'ping#1']);
    for (const { gid } of waiting) expect(app.recording.trace(gid)).toEqual(['ping#1']);
    expect(await operations(app).resume('ping')).toBe(false);
  });

  it('takes no lease for a job that is started meanwhile, and resume() alone starts it', async () => {
    const app = await start({ recoveryInterval: '1h' });
    await operations(app).pause('ping', { reason });
    const { gid } = await app.jobs.createJob().addStep(Ping).start();
    expect(await storedJob(databases, gid)).toMatchObject({ owner: null, status: 'submitted' });
    expect(app.recording.executions).toEqual([]);
    const before = performance.now();
    expect(await operations(app).resume('ping', { reason: 'it is back' })).toBe(true);
    expect((await app.ended(gid)).status).toBe('succeeded');
    // Two seconds are promised; the machine may be busy.
    expect(performance.now() - before).toBeLessThan(20_000);
  });

  it('is paused where no live process provides it, which the log tells', async () => {
    const warn = vi.spyOn(Logger.prototype, 'warn');
    const told = () => warn.mock.calls.map(([line]) => String(line)).filter((line) => /provides/.test(line));
    const worker = await start();
    const other = await start({ runSteps: false });
    await waitFor(async () => (await operations(other).processes()).length === 2);
    for (const app of [worker, other]) {
      await operations(app).pause('charge', { reason });
      await operations(app).pause('bill', { reason });
    }
    expect(told()).toEqual([]);
    await operations(other).pause('chrage', { reason });
    expect(told()).toEqual([
      "The step 'chrage' is paused, but no live process tells that it provides a step of this name",
    ]);
    await waitFor(async () => 'chrage' in (await operations(other).overview()).paused);
    // A process that knows nothing of the others says nothing of them.
    const unmonitored = await start({ runSteps: false, monitoring: false });
    await operations(unmonitored).pause('chrage', { reason });
    expect(told()).toHaveLength(1);
    await databases.store.query('DROP TABLE stepping_processes');
    await operations(other).pause('chrage', { reason });
    expect(told()).toHaveLength(1);
  });

  it('is paused in a process that starts later, too', async () => {
    const app = await start({ runSteps: false });
    await operations(app).pause('ping', { reason });
    const { gid } = await app.jobs.createJob().addStep(Ping).start();
    const other = await start();
    const { gid: next } = await other.jobs.createJob().addStep(ReserveStock, { orderId: '1' }).start();
    expect((await other.ended(next)).status).toBe('succeeded');
    expect(other.recording.of(gid)).toEqual([]);
    expect(await isHandedBack(gid, 'ping')).toBe(true);
  });

  it('goes on by itself when its time is over', async () => {
    const app = await start({ recoveryInterval: '1h' });
    await operations(app).pause('ping', { reason, until: 500 });
    const { gid } = await app.jobs.createJob().addStep(Ping).start();
    expect((await app.ended(gid)).status).toBe('succeeded');
    expect(await databases.store.query('SELECT kind FROM stepping_controls')).toEqual([]);
    await operations(app).pause('ping', { reason, until: new Date(Date.now() + 3_600_000) });
    expect(await operations(app).resume('ping')).toBe(true);
  });

  it('is meant by each of its names', async () => {
    const app = await start();
    await operations(app).pause('pay', { reason });
    const gids: string[] = [];
    for (const name of ['charge', 'bill', 'pay']) {
      gids.push((await app.jobs.createJob().addStep(name).start()).gid);
    }
    await fence(app);
    for (const gid of gids) expect(app.recording.of(gid)).toEqual([]);
    expect(await operations(app).resume('bill')).toBe(true);
    for (const gid of gids) expect((await app.ended(gid)).status).toBe('succeeded');
  });

  it('is told once to listeners, to the log and to the audit', async () => {
    const logs = [vi.spyOn(Logger.prototype, 'warn'), vi.spyOn(Logger.prototype, 'log')];
    const told = () => logs.flatMap(({ mock }) => mock.calls.map(([line]) => String(line)));
    const app = await start();
    await operations(app).pause('bill', { reason, by: 'ada@example.org' });
    await operations(app).pause('charge', { reason: 'still away', by: 'ada@example.org', until: '1h' });
    await operations(app).resume('charge', { reason: 'it is back', by: 'bob' });
    expect(await operations(app).resume('charge')).toBe(false);
    const { events } = app.context.get(Watcher);
    await waitFor(() => events.length === 2);
    expect(events).toEqual([
      {
        event: 'step.paused',
        stepName: 'charge',
        kind: 'pause',
        reason,
        by: 'ada@example.org',
        until: null,
      },
      { event: 'step.resumed', stepName: 'charge' },
    ]);
    expect(told().filter((line) => line.includes("'charge' is paused by ada@example.org: "))).toHaveLength(1);
    expect(told().filter((line) => line.includes("'charge' is no longer paused"))).toHaveLength(1);
    const audit = await auditOf(databases.store);
    expect(audit.map((entry) => ({ ...entry, changed: Number(entry.changed) }))).toEqual([
      { action: 'pause', step: 'charge', reason, who: 'ada@example.org', changed: 0 },
      { action: 'pause', step: 'charge', reason: 'still away', who: 'ada@example.org', changed: 0 },
      { action: 'resume', step: 'charge', reason: 'it is back', who: 'bob', changed: 0 },
    ]);
  });

  it('is no unknown step for processes that do not provide it', async () => {
    const warn = vi.spyOn(Logger.prototype, 'warn');
    const told = (step: string) =>
      warn.mock.calls.filter(([line]) => String(line).includes(`wait for the step '${step}'`));
    const provider = await start({ runSteps: false });
    // Told under its name; the jobs know its alias.
    await operations(provider).pause('charge', { reason });
    const other = await TestApplication.start(databases, { selfTm: { retention: 1000 } });
    apps.push(other);
    const gids: string[] = [];
    for (const step of ['pay', 'misspelled']) {
      const { gid } = await provider.jobs.createJob().addStep(step).start();
      await makeDue(databases, gid, 120);
      gids.push(gid);
    }
    await waitFor(() => told('misspelled').length > 0);
    expect(told('pay')).toEqual([]);
  });

  it('keeps nobody who has not the rights from anything but pausing', async () => {
    await start({ runSteps: false });
    await databases.store.query('DROP TABLE stepping_audit');
    const app = apps[0]!;
    const error = vi.spyOn(Logger.prototype, 'error');
    await operations(app).pause('ping', { reason });
    expect(error.mock.calls.map(([line]) => String(line))).toEqual([
      expect.stringContaining("The audit could not be written: pause of the step 'ping'"),
    ]);
    await databases.store.query('DROP TABLE stepping_controls');
    const warn = vi.spyOn(Logger.prototype, 'warn');
    const told = () => warn.mock.calls.filter(([line]) => String(line).includes('controls'));
    await expect(operations(app).pause('ping', { reason })).rejects.toThrow(
      'The database of the jobs could not be used',
    );
    await expect(operations(app).resume('ping')).rejects.toThrow('The database of the jobs');
    await expect(operations(app).resume('ping')).rejects.toThrow('The database of the jobs');
    expect(told()).toHaveLength(1);
  });

  it('is not paused by what cannot be', async () => {
    const app = await start({ runSteps: false });
    const refused = [
      [' x', { reason }],
      [undefined, { reason }],
      ['ping', {}],
      ['ping', undefined],
      ['ping', { reason: ' ' }],
      ['ping', { reason: 'x'.repeat(2001) }],
      ['ping', { reason: 'a\0b' }],
      ['ping', null],
      ['ping', []],
      ['ping', { reason, by: '' }],
      ['ping', { reason, until: new Date(Date.now() - 60_000) }],
      ['ping', { reason, until: new Date(Number.NaN) }],
      ['ping', { reason, until: 'soon' }],
      ['ping', { reason, why: 'typing error' }],
    ];
    for (const [step, options] of refused) {
      await expect(operations(app).pause(step as string, options as never)).rejects.toThrow(
        InvalidOptionError,
      );
    }
    await expect(operations(app).resume('')).rejects.toThrow(InvalidOptionError);
    await expect(operations(app).resume('ping', { by: 'x'.repeat(256) })).rejects.toThrow(InvalidOptionError);
    await expect(operations(app).resume('ping', { reason: 'a\0b' })).rejects.toThrow(InvalidOptionError);
    await expect(operations(app).resume('ping', null as never)).rejects.toThrow(InvalidOptionError);
    expect(await databases.store.query('SELECT kind FROM stepping_controls')).toEqual([]);
  });

  it('is told as paused by any of its names, and what waits there is no fault of the fleet', async () => {
    const app = await start();
    await operations(app).pause('charge', { reason });
    const { gid } = await app.jobs.createJob().addStep(Charge).start();
    const isPostgres = backend === 'postgres';
    await databases.store.query(
      `UPDATE stepping_jobs SET step_name = 'pay' WHERE gid = ${isPostgres ? '$1' : '?'}`,
      [gid],
    );
    await makeDue(databases, gid, 3600);
    expect((await operations(app).health()).problems).toEqual([]);
    expect(await operations(app).overview()).toMatchObject({ due: { count: 1 }, oldestDueMs: null });
    const steps = await operations(app).steps();
    for (const name of ['charge', 'pay', 'bill'])
      expect(steps.find(({ step }) => step === name)?.pause).toMatchObject({ kind: 'pause', reason });
    expect((await app.admin.explain(gid)).reasons[0]).toMatchObject({ code: 'PAUSED' });
  });

  it('is resumed once, however many do it', async () => {
    const app = await start();
    await operations(app).pause('ping', { reason });
    const resumed = await Promise.all(Array.from({ length: 5 }, () => operations(app).resume('ping')));
    expect(resumed.filter(Boolean)).toHaveLength(1);
    expect((await app.admin.audit({ action: 'resume' })).entries).toHaveLength(1);
  });

  it('is not told as resumed, or as never paused, by a process that has closed', async () => {
    const app = await start();
    await app.close();
    await expect(operations(app).resume('ping')).rejects.toThrow(TransactionManagerUnavailableError);
  });
});

describeBackends('a step that is paused over several processes', (backend) => {
  it('begins in none of them after a heartbeat, and in all of them when it is resumed', async () => {
    const databases = await Databases.create(backend, 'one');
    const console = await TestApplication.start(databases, { selfTm: { runSteps: false } });
    try {
      const workers = [
        // On a busy machine a short lease may be lost, and its owner stays then.
        await workerReady(startWorker(databases, { name: 'one', selfTm: { leaseDuration: '30s' } })),
        await workerReady(startWorker(databases, { name: 'two', selfTm: { leaseDuration: '30s' } })),
      ];
      const operations = console.context.get(SteppingOperations);
      await operations.pause('send-email', { reason });
      for (const worker of workers) {
        await waitFor(() => worker.log.includes("The step 'send-email' is paused: the provider is away"));
      }
      const gids: string[] = [];
      for (const [at, worker] of workers.entries()) {
        const gid = `order-${at}`;
        worker.send({ start: { gid, steps: [['reserve-stock'], ['send-email']], times: 10 } });
        await worker.waitForMessage(({ type }) => type === 'all-started');
        gids.push(...Array.from({ length: 10 }, (_, one) => `${gid}-${one}`));
      }
      for (let at = 0; at < 10; at += 1) gids.push((await console.job().start()).gid);
      for (const gid of gids) {
        await waitFor(
          async () => {
            const job = (await storedJob(databases, gid))!;
            return job.step_name === 'send-email' && job.owner === null && Number(job.attempts) === 0;
          },
          { message: async () => [gid, await storedJob(databases, gid), workers.map(({ log }) => log)] },
        );
      }
      const begun = (gid: string) =>
        workers
          .flatMap((worker) => stepMessages(worker, gid))
          .toSorted((one, other) => one.at - other.at)
          .map(({ step, attempt }) => `${step}#${attempt}`);
      for (const gid of gids) expect(begun(gid)).toEqual(['reserve-stock#1']);

      await operations.resume('send-email');
      for (const gid of gids) expect((await console.ended(gid)).status).toBe('succeeded');
      for (const gid of gids) expect(begun(gid)).toEqual(['reserve-stock#1', 'send-email#1']);
    } finally {
      await console.close();
    }
  });
});
