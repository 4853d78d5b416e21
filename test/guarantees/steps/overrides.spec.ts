import { afterEach, describe, expect, it } from 'vitest';
import {
  DuplicateGidError,
  InvalidOptionError,
  MAX_JOB_BYTES,
  Step,
  StepArgumentsTooLargeError,
  type StepContext,
  type StepHandler,
  type StepOverrides,
} from '../../../lib/index.js';
import type { TestApplication } from '../../support/application.js';
import type { Backend } from '../../support/database.js';
import { describePlacements, type Databases, type Placement } from '../../support/placements.js';
import { codecIsOn } from '../../support/codec.js';
import { Recording } from '../../support/recording.js';
import { Limited, Ping, SendEmail, Timed, WriteEffect } from '../../support/steps.js';
import { makeDue, storedJob } from '../../support/stored-job.js';
import { suiteApplication } from '../../support/suite-application.js';
import { waitFor } from '../../support/wait-for.js';

@Step({ name: 'decides', retry: () => false as const })
class Decides implements StepHandler {
  constructor(private readonly recording: Recording) {}
  async execute(_: void, context: StepContext): Promise<void> {
    await this.recording.note('decides', undefined, context);
  }
}

/** What cannot be an override, and where the error says it is. */
const IMPOSSIBLE: readonly [unknown, string][] = [
  [{ retries: 3 }, 'addStep(ping).retries'],
  [{ timeout: 0 }, 'addStep(ping).timeout'],
  [{ timeout: '5 sec' }, 'addStep(ping).timeout'],
  [{ retry: { attempts: 3 } }, 'addStep(ping).retry.attempts'],
  [{ retry: { maxAttempts: 0 } }, 'addStep(ping).retry.maxAttempts'],
  [{ retry: { delay: -1 } }, 'addStep(ping).retry.delay'],
  [{ retry: () => false }, 'addStep(ping).retry'],
  ['5s', 'addStep(ping)'],
  [null, 'addStep(ping)'],
];

/** No override that a version of the library has written. */
const DAMAGED = ['null', '"5s"', '{"timeout":"soon"}', '{"retry":{"maxAttempts":-1}}', '{"priority":3}'];

function suite(backend: Backend, placement: Placement, store?: 'memory'): void {
  let databases: Databases;
  let app: TestApplication;
  suiteApplication(backend, placement, (started) => ({ databases, app } = started), {
    providers: [Decides],
    module: { retry: { delay: 5, maxDelay: 5, jitter: false, maxAttempts: 6 } },
    ...(store && { selfTm: { store } }),
  });
  afterEach(() => {
    app.recording.onExecute = () => undefined;
  });

  const fail = () => {
    throw new Error('no luck');
  };
  /** In a transaction, and at a later time, so that it is read from its row. */
  const start = (create: (job: ReturnType<TestApplication['jobs']['createJob']>) => unknown, gid?: string) =>
    app.dataSource.transaction(async () => {
      const job = app.jobs.createJob({ delay: 20, ...(gid !== undefined && { gid }) });
      create(job);
      return (await job.start()).gid;
    });

  it('of the time-out hold for this step of this job alone', async () => {
    const reasons = app.recording.runUntilSignal();
    const gid = await start((job) =>
      job.addStep(Ping, undefined, { timeout: 50, retry: { maxAttempts: 2 } }),
    );
    const { status, error } = await app.ended(gid);
    expect({ status, reasons }).toEqual({
      status: 'failed',
      reasons: ['StepTimeoutError', 'StepTimeoutError'],
    });
    expect(error).toContain('50 ms');

    // The step's own one is 100 ms.
    app.recording.onExecute = async ({ attempt }, { signal }) => {
      if (attempt === 1) await waitFor(() => signal.aborted);
      signal.throwIfAborted();
    };
    const longer = await start((job) => job.addStep(Timed, undefined, { timeout: '1h' }).addStep(Timed));
    await waitFor(() => app.recording.of(longer).length === 1);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(app.recording.trace(longer)).toEqual(['timed#1']);
    await app.admin.cancel(longer);
    app.recording.onExecute = () => undefined;
  });

  it('of the retry policy are laid over that of the step, one by one', async () => {
    app.recording.onExecute = fail;
    const failed = async (overrides?: StepOverrides) => {
      const gid = await start((job) => job.addStep(Limited, undefined, overrides));
      expect((await app.ended(gid)).status).toBe('failed');
      return app.recording.of(gid).length;
    };
    expect(await failed({ retry: { maxAttempts: 2 } })).toBe(2);
    expect(await failed({ retry: { delay: 1 } })).toBe(3);
    expect(await failed({ retry: {} })).toBe(3);
    expect(await failed()).toBe(3);
  });

  it('of the retry policy are laid over that of the module, also in the place of a function', async () => {
    app.recording.onExecute = fail;
    const failed = async (step: typeof Ping | typeof Decides, retry: StepOverrides['retry']) => {
      const gid = await start((job) => job.addStep(step, undefined, { ...(retry && { retry }) }));
      expect((await app.ended(gid)).status).toBe('failed');
      return app.recording.of(gid).length;
    };
    expect(await failed(Ping, { delay: 1 })).toBe(6);
    expect(await failed(Decides, undefined)).toBe(1);
    expect(await failed(Decides, { delay: 1 })).toBe(6);
    expect(await failed(Decides, { maxAttempts: 2 })).toBe(2);
  });

  it('may remove the limit of the step', async () => {
    app.recording.onExecute = ({ attempt }) => {
      if (attempt < 9) fail();
    };
    const gid = await start((job) => job.addStep(Limited, undefined, { retry: { maxAttempts: Infinity } }));
    expect((await app.ended(gid)).status).toBe('succeeded');
    expect(app.recording.of(gid)).toHaveLength(9);
  });

  it('hold for a transactional step as well', async ({ skip }) => {
    if (store) skip('the steps of these jobs have no database');
    app.recording.onExecute = fail;
    const gid = await start((job) =>
      job.addStep(WriteEffect, { orderId: 'x' }, { retry: { maxAttempts: 2 } }).addStep(Ping),
    );
    expect((await app.ended(gid)).status).toBe('failed');
    expect(app.recording.trace(gid)).toEqual(['write-effect#1', 'write-effect#2']);
  });

  it('stay when the step is given other arguments', async () => {
    app.recording.onExecute = fail;
    const gid = await start((job) => job.addStep(SendEmail, { orderId: '1' }, { retry: { maxAttempts: 2 } }));
    await app.ended(gid);
    await app.admin.retry(gid, { args: { orderId: '2' } });
    await waitFor(() => app.recording.of(gid).length === 4);
    await app.ended(gid);
    expect(app.recording.of(gid).map(({ args }) => args)).toEqual(
      ['1', '1', '2', '2'].map((orderId) => ({ orderId })),
    );
  });

  it('are part of what makes a job the same', async () => {
    const add = (overrides?: StepOverrides) => (job: ReturnType<TestApplication['jobs']['createJob']>) =>
      job.addStep(Ping, undefined, overrides).addStep(Limited);
    const given = { timeout: '50s', retry: { maxAttempts: Infinity, delay: '1s' } };
    await start(add(given), 'same');
    await app.ended('same');
    await start(add({ retry: { delay: 1000, maxAttempts: Infinity }, timeout: 50_000 }), 'same');
    for (const other of [undefined, { timeout: '50s' }, { ...given, timeout: '51s' }])
      await expect(start(add(other), 'same')).rejects.toBeInstanceOf(DuplicateGidError);
    expect(app.recording.trace('same')).toEqual(['ping#1', 'limited#1']);
  });

  it.each(IMPOSSIBLE)('are refused at addStep(): %j', (overrides, option) => {
    const job = app.jobs.createJob();
    const add = () => job.addStep(Ping, undefined, overrides as StepOverrides);
    expect(add).toThrow(InvalidOptionError);
    expect(add).toThrow(expect.objectContaining({ option }));
    expect(() => job.addStep('elsewhere', { a: 1 }, { when: 1 } as StepOverrides)).toThrow(
      InvalidOptionError,
    );
  });

  it('count in the size of the job', () => {
    // Of {"step":"elsewhere","args":"x…"} in a list.
    const args = 'x'.repeat(MAX_JOB_BYTES - '[,{"step":"elsewhere","args":""}]'.length);
    app.jobs.createJob().addStep('elsewhere', args);
    expect(() => app.jobs.createJob().addStep('elsewhere', args, { timeout: 5 })).toThrow(
      StepArgumentsTooLargeError,
    );
  });

  it('take no room where there are none', async ({ skip }) => {
    if (store || codecIsOn) skip('the steps are stored elsewhere, or in another form');
    const stepsOf = async (gid: string) =>
      (
        await databases.store.query<{ steps: string }>(`SELECT steps FROM stepping_jobs WHERE gid = '${gid}'`)
      )[0]!.steps;
    await start(
      (job) => job.addStep(SendEmail, { orderId: '1' }).addStep(Ping, undefined, { retry: {} }),
      'bare',
    );
    expect(await stepsOf('bare')).toBe('[{"step":"send-email","args":{"orderId":"1"}},{"step":"ping"}]');
    await start(
      (job) => job.addStep(Ping, undefined, { timeout: '2s', retry: { maxAttempts: Infinity } }),
      'full',
    );
    expect(await stepsOf('full')).toBe(
      '[{"step":"ping","overrides":{"retry":{"maxAttempts":null},"timeout":2000}}]',
    );
  });

  it.each(DAMAGED)('that cannot be read leave the job to others, and are reported: %s', async (damaged) => {
    if (store) return;
    const gid = `damaged-${DAMAGED.indexOf(damaged)}`;
    await app.jobs.createJob({ gid, transaction: 'none', delay: '1h' }).addStep(Ping).addStep(Ping).start();
    const steps = `[{"step":"ping"},{"step":"ping","overrides":${damaged}}]`;
    await databases.store.query(`UPDATE stepping_jobs SET steps = '${steps}' WHERE gid = '${gid}'`);
    await makeDue(databases, gid, 5);
    await waitFor(async () => (await storedJob(databases, gid))?.error != null);
    expect(await storedJob(databases, gid)).toMatchObject({
      ...{ status: 'submitted', step_index: 1, attempts: 0, owner: null },
      error: expect.stringContaining('UnreadableJobError'),
    });
    const { reasons } = await app.admin.explain(gid);
    expect(reasons[0]!.code).toBe('ARGUMENTS_DO_NOT_FIT');
    expect((await app.admin.find(gid))!.steps.map(({ name }) => name)).toEqual(['ping', 'ping']);
    expect(app.recording.trace(gid)).toEqual(['ping#1']);

    await databases.store.query(
      `UPDATE stepping_jobs SET steps = '[{"step":"ping"},{"step":"ping"}]' WHERE gid = '${gid}'`,
    );
    await makeDue(databases, gid);
    expect(await app.ended(gid)).toMatchObject({ status: 'succeeded', error: null });
  });

  it('decide which attempt is the last one', async () => {
    const told = new Map<string, (boolean | undefined)[]>();
    app.recording.onExecute = ({ gid }, { lastAttempt }) => {
      told.set(gid, [...(told.get(gid) ?? []), lastAttempt]);
      fail();
    };
    const lastOf = async (step: typeof Limited | typeof Decides, overrides?: StepOverrides) => {
      const gid = await start((job) => job.addStep(step, undefined, overrides));
      await app.ended(gid);
      return told.get(gid);
    };
    expect(await lastOf(Limited)).toEqual([false, false, true]);
    expect(await lastOf(Limited, { retry: { maxAttempts: 2 } })).toEqual([false, true]);
    expect(await lastOf(Limited, { retry: { maxAttempts: 1 } })).toEqual([true]);
    expect(await lastOf(Decides)).toEqual([undefined]);
    expect(await lastOf(Decides, { retry: { maxAttempts: 2 } })).toEqual([false, true]);
  });
}

describePlacements('overrides of a step', (backend, placement) => suite(backend, placement));
describe('overrides of a step (jobs in memory)', () => suite('sqlite', 'one', 'memory'));
