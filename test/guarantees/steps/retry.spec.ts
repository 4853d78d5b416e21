import { afterEach, expect, it, vi } from 'vitest';
import {
  Step,
  UnrecoverableStepError,
  type JobInfo,
  type StepContext,
  type StepHandler,
} from '../../../lib/index.js';
import { suiteApplication } from '../../support/suite-application.js';
import { TestApplication } from '../../support/application.js';
import { Databases } from '../../support/placements.js';
import { fence } from '../../support/fates.js';
import { Recording } from '../../support/recording.js';
import { Limited, Ping, ReserveStock, SendEmail } from '../../support/steps.js';
import { makeDue } from '../../support/stored-job.js';
import { describeBackends } from '../../support/database.js';
import { waitFor } from '../../support/wait-for.js';

const HOUR = 3600_000;
const policy = vi.fn((attempt: number, _error: unknown) => (attempt < 4 ? 1 : (false as const)));

@Step({ name: 'by-function', retry: policy })
class ByFunction implements StepHandler {
  constructor(private readonly recording: Recording) {}
  async execute(_: void, context: StepContext): Promise<void> {
    await this.recording.note('by-function', undefined, context);
  }
}

@Step({ name: 'patient', retry: { delay: '1h', factor: 3, maxDelay: '5h', jitter: false } })
class Patient implements StepHandler {
  constructor(private readonly recording: Recording) {}
  async execute(_: void, context: StepContext): Promise<void> {
    await this.recording.note('patient', undefined, context);
  }
}

/** Says how long it waits; how often is left to the module. */
@Step({ name: 'partly', retry: { delay: 1 } })
class Partly implements StepHandler {
  constructor(private readonly recording: Recording) {}
  async execute(_: void, context: StepContext): Promise<void> {
    await this.recording.note('partly', undefined, context);
  }
}

const trap = () => {
  throw new Error('a trap');
};
const oddError = () => ({ toString: trap, [Symbol.toPrimitive]: trap });
const errorOfTrap = () => {
  const error = new AggregateError([], 'several');
  Object.defineProperty(error.errors, 0, { get: trap, enumerable: true });
  return error;
};
const revoked = () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
};
/** What a step may throw, and what is kept of it. */
const THROWN: readonly [string, () => unknown, RegExp][] = [
  ['undefined', () => undefined, /undefined/],
  ['a plain object', () => ({ code: 'DECLINED', message: 'no credit' }), /DECLINED.*no credit/],
  ['an object that cannot be described', oddError, /./],
  ['an element that throws', errorOfTrap, /AggregateError: several/],
  [
    'very many properties',
    () => Object.fromEntries(Array.from({ length: 1e5 }, (_, i) => [i, i])),
    /class Object with more than 50/,
  ],
  ['a symbol', () => Symbol('odd'), /Symbol\(odd\)/],
  ['a function', () => trap, /a function/],
  ['an object without a prototype', () => Object.assign(Object.create(null), { left: 3 }), /left: 3/],
  ['an error below a proxy', () => Object.setPrototypeOf(new Error('odd'), revoked()), /odd/],
  ['a proxy that is revoked', revoked, /./],
  ['a proxy that throws', () => new Proxy({}, { get: trap, getPrototypeOf: trap }), /./],
  ['an error with causes', () => new AggregateError([new Error('one', { cause: 'two' })]), /one(.|\n)*two/],
  ['an error of 20 MB', () => new Error('x'.repeat(20 * 2 ** 20)), /^Error: x{3000,4000}$/],
];

@Step({
  name: 'odd-policy',
  retry: (attempt) => {
    if (attempt < 3) throw oddError();
    return false;
  },
})
class OddPolicy implements StepHandler {
  constructor(private readonly recording: Recording) {}
  async execute(_: void, context: StepContext): Promise<void> {
    await this.recording.note('odd-policy', undefined, context);
  }
}

describeBackends('attempts', (backend) => {
  let databases: Databases;
  let app: TestApplication;
  const failures: { job: JobInfo; error: unknown }[] = [];
  const failuresOf = (gid: string) => failures.filter(({ job }) => job.gid === gid);
  suiteApplication(backend, 'one', (started) => ({ databases, app } = started), {
    providers: [ByFunction, OddPolicy, Patient, Partly],
    module: {
      retry: { delay: 5, jitter: false, maxAttempts: 6 },
      onJobFailed: (job, error) => {
        failures.push({ job, error });
        if (job.name === 'bad-hook') throw new Error('a hook that fails');
      },
    },
  });
  afterEach(() => {
    app.recording.onExecute = () => undefined;
  });

  const failing = (names: string[], error: () => unknown = () => new Error('out of stock')) => {
    app.recording.onExecute = ({ step }) => {
      if (names.includes(step)) throw error();
    };
  };

  it('are counted from 1 and repeated until one succeeds', async () => {
    app.recording.onExecute = ({ step, attempt }) => {
      if (step === 'limited' && attempt < 3) throw new Error('not yet');
    };
    const { gid } = await app.jobs.createJob().addStep(Limited).addStep(Ping).start();
    const job = await app.ended(gid);
    expect(app.recording.trace(gid)).toEqual(['limited#1', 'limited#2', 'limited#3', 'ping#1']);
    expect(job).toMatchObject({ status: 'succeeded', error: null });
    expect(job.steps.map(({ attempts }) => attempts)).toEqual([3, 1]);
    expect(failuresOf(gid)).toEqual([]);
  });

  it('end at maxAttempts: the job fails, keeps its error, and is reported once', async () => {
    failing(['limited']);
    const { gid } = await app.jobs
      .createJob()
      .addStep(ReserveStock, { orderId: '1' })
      .addStep(Limited)
      .addStep(Ping)
      .start();
    const job = await app.ended(gid);
    expect(app.recording.trace(gid)).toEqual(['reserve-stock#1', 'limited#1', 'limited#2', 'limited#3']);
    expect(job.status).toBe('failed');
    expect(job.error).toContain('out of stock');
    expect(job.dueAt).toBeNull();
    expect(job.steps.map(({ status, attempts }) => [status, attempts])).toEqual([
      ['succeeded', 1],
      ['failed', 3],
      ['pending', 0],
    ]);
    await fence(app);
    expect(app.recording.of(gid)).toHaveLength(4);
    expect(failuresOf(gid)).toHaveLength(1);
    expect(failuresOf(gid)[0]!.job).toMatchObject({ gid, status: 'failed' });
    expect(failuresOf(gid)[0]!.error).toMatchObject({ message: 'out of stock' });
  });

  it('end at once with an UnrecoverableStepError, whatever onJobFailed does', async () => {
    failing(['ping'], () => new UnrecoverableStepError('the address does not exist'));
    const { gid } = await app.jobs.createJob({ name: 'bad-hook' }).addStep(Ping).start();
    const job = await app.ended(gid);
    expect(job.status).toBe('failed');
    expect(job.error).toContain('the address does not exist');
    expect(app.recording.trace(gid)).toEqual(['ping#1']);
    await waitFor(() => failuresOf(gid).length === 1);
  });

  it.each(THROWN)('count and wait as ever when a step throws %s', async (_, thrown, kept) => {
    failing(['limited'], thrown);
    const { gid } = await app.jobs.createJob().addStep(Limited).start();
    const job = await app.ended(gid);
    expect(app.recording.trace(gid)).toEqual(['limited#1', 'limited#2', 'limited#3']);
    expect(job.error).toMatch(kept);
    expect(job.error!.length).toBeLessThanOrEqual(4000);
    await waitFor(() => failuresOf(gid).length === 1);
  });

  it('go on after a retry function that throws something odd', async () => {
    failing(['odd-policy']);
    const { gid } = await app.jobs.createJob().addStep(OddPolicy).start();
    expect((await app.ended(gid)).status).toBe('failed');
    expect(app.recording.of(gid)).toHaveLength(3);
  });

  it('follow a function, which sees the attempt and the error', async () => {
    policy.mockClear();
    failing(['by-function']);
    const { gid } = await app.jobs.createJob().addStep(ByFunction).start();
    expect((await app.ended(gid)).status).toBe('failed');
    expect(app.recording.of(gid)).toHaveLength(4);
    expect(policy.mock.calls.map(([attempt]) => attempt)).toEqual([1, 2, 3, 4]);
    expect(policy.mock.calls[0]![1]).toMatchObject({ message: 'out of stock' });
  });

  it('lay the options of a step over those of the module', async () => {
    failing(['partly']);
    const { gid } = await app.jobs.createJob().addStep(Partly).start();
    expect((await app.ended(gid)).status).toBe('failed');
    expect(app.recording.trace(gid).at(-1)).toBe('partly#6');
  });

  it('wait longer each time, up to maxDelay, by the clock of the database', async () => {
    failing(['patient']);
    const { gid } = await app.jobs.createJob().addStep(Patient).start();
    for (const [attempt, hours] of [
      [1, 1],
      [2, 3],
      [3, 5],
    ] as const) {
      const job = await waitFor(async () => {
        const found = await app.admin.find(gid);
        return found?.steps[0]!.attempts === attempt && found.steps[0]!.status === 'waiting' && found;
      });
      expect(job).toMatchObject({ status: 'submitted', endedAt: null });
      expect(job.error).toContain('out of stock');
      const wait = job.dueAt!.getTime() - Date.now();
      expect(wait).toBeGreaterThan(hours * HOUR - 60_000);
      expect(wait).toBeLessThanOrEqual(hours * HOUR + 1000);
      await fence(app);
      expect(app.recording.of(gid)).toHaveLength(attempt);
      await makeDue(databases, gid);
    }
    app.recording.onExecute = () => undefined;
    await waitFor(async () => {
      await makeDue(databases, gid);
      return (await app.admin.find(gid))?.endedAt;
    });
    expect((await app.admin.find(gid))!.status).toBe('succeeded');
  });

  it('go on at the failed step, counted anew, after retry()', async () => {
    failing(['limited']);
    const job = app.jobs
      .createJob()
      .addStep(ReserveStock, { orderId: '1' })
      .addStep(Limited)
      .addStep(SendEmail, { orderId: '1' });
    const { gid } = await job.start();
    expect((await app.ended(gid)).status).toBe('failed');
    app.recording.onExecute = () => undefined;
    await app.admin.retry(gid);
    const ended = await waitFor(async () => {
      const found = await app.admin.find(gid);
      return found?.status === 'succeeded' && found;
    });
    expect(app.recording.trace(gid).slice(4)).toEqual(['limited#1', 'send-email#1']);
    expect(ended.error).toBeNull();
    expect(ended.steps.map(({ status }) => status)).toEqual(['succeeded', 'succeeded', 'succeeded']);
  });

  it('fail a job for good in one of two processes only', async () => {
    const other = await TestApplication.start(databases, {
      module: { onJobFailed: (job, error) => void failures.push({ job, error }) },
    });
    try {
      failing(['limited']);
      other.recording.onExecute = () => Promise.reject(new Error('here too'));
      const jobs = await Promise.all(
        Array.from({ length: 30 }, () => app.jobs.createJob({ delay: 1 }).addStep(Limited).start()),
      );
      for (const { gid } of jobs) expect((await app.ended(gid)).status).toBe('failed');
      await fence(app);
      for (const { gid } of jobs) {
        await waitFor(() => failuresOf(gid).length > 0);
        expect(failuresOf(gid)).toHaveLength(1);
        const attempts = [...app.recording.of(gid), ...other.recording.of(gid)].map(({ attempt }) => attempt);
        expect(attempts.toSorted()).toEqual([1, 2, 3]);
      }
    } finally {
      await other.close();
    }
  });
});
