import { Test, type TestingModule } from '@nestjs/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  DistributedJobFactory,
  DistributedJobs,
  JobStateError,
  selfTm,
  Step,
  SteppingModule,
  UnrecoverableStepError,
  type JobStatus,
  type StepContext,
  type StepHandler,
} from '../../lib/index.js';
import { waitFor } from '../support/wait-for.js';

/** The attempt of a step that waits for the test to say how it ends. */
interface Attempt {
  readonly index: number;
  readonly attempt: number;
  readonly end: (how: 'succeed' | 'fail' | 'failForGood') => void;
}

const attempts = new Map<string, Attempt[]>();

@Step({ name: 'directed', retry: { delay: 0, jitter: false } })
class Directed implements StepHandler {
  async execute(_: void, { gid, stepIndex: index, attempt }: StepContext): Promise<void> {
    const how = await new Promise((end) => attempts.get(gid)!.push({ index, attempt, end }));
    if (how === 'fail') throw new Error('as directed');
    if (how === 'failForGood') throw new UnrecoverableStepError('as directed');
  }
}

/** What a job is expected to be, in the words of the description of its life. */
interface Model {
  status: JobStatus;
  step: number;
  attempt: number;
  begun: number;
}

const COMMANDS = ['succeed', 'fail', 'failForGood', 'retry', 'cancel'] as const;
type Command = (typeof COMMANDS)[number];

describe('the life of a job', () => {
  let application: TestingModule;
  let count = 0;

  beforeAll(async () => {
    application = await Test.createTestingModule({
      imports: [
        SteppingModule.forRoot({ transactionManager: selfTm({ store: 'memory', recoveryInterval: 20 }) }),
      ],
      providers: [Directed],
    }).compile();
    await application.init();
  });
  afterAll(() => application.close());

  it('follows its model, whatever is done to it and in whatever order', async () => {
    const commands = fc.array(fc.constantFrom(...COMMANDS), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 4 }), commands, async (steps, list) => {
        const gid = `life-${(count += 1)}`;
        attempts.set(gid, []);
        const job = application.get(DistributedJobFactory).createJob({ gid, transaction: 'none' });
        for (let step = 0; step < steps; step += 1) job.addStep(Directed);
        await job.start();
        const model: Model = { status: 'submitted', step: 0, attempt: 1, begun: 1 };
        await agrees(gid, model);
        for (const command of list) {
          await apply(gid, model, command, steps);
          await agrees(gid, model);
        }
        // Nothing of it goes on behind the test.
        if (model.status === 'submitted') await application.get(DistributedJobs).cancel(gid);
        last(gid).end('succeed');
      }),
      { numRuns: 150 },
    );
  }, 120_000);

  function last(gid: string): Attempt {
    return attempts.get(gid)!.at(-1)!;
  }

  async function agrees(gid: string, model: Model): Promise<void> {
    const begun = attempts.get(gid)!;
    await waitFor(
      async () => {
        const found = await application.get(DistributedJobs).find(gid);
        return found?.status === model.status && begun.length === model.begun;
      },
      {
        message: async () => ({
          gid,
          model,
          begun: begun.length,
          job: await application.get(DistributedJobs).find(gid),
        }),
      },
    );
    if (model.status === 'submitted')
      expect(last(gid)).toMatchObject({ index: model.step, attempt: model.attempt });
    const { steps, endedAt } = (await application.get(DistributedJobs).find(gid))!;
    const done = model.status === 'succeeded' ? steps.length : model.step;
    expect(steps.slice(0, done).every(({ status }) => status === 'succeeded')).toBe(true);
    expect(steps.slice(done).some(({ status }) => status === 'succeeded')).toBe(false);
    expect(endedAt === null).toBe(model.status === 'submitted');
  }

  async function apply(gid: string, model: Model, command: Command, steps: number): Promise<void> {
    const admin = application.get(DistributedJobs);
    const running = model.status === 'submitted';
    switch (command) {
      case 'succeed':
        if (!running) return;
        last(gid).end('succeed');
        if (model.step + 1 === steps) model.status = 'succeeded';
        else Object.assign(model, { step: model.step + 1, attempt: 1, begun: model.begun + 1 });
        return;
      case 'fail':
        if (!running) return;
        last(gid).end('fail');
        Object.assign(model, { attempt: model.attempt + 1, begun: model.begun + 1 });
        return;
      case 'failForGood':
        if (!running) return;
        last(gid).end('failForGood');
        model.status = 'failed';
        return;
      case 'retry':
        if (model.status !== 'failed') {
          await expect(admin.retry(gid)).rejects.toBeInstanceOf(JobStateError);
          return;
        }
        await admin.retry(gid);
        Object.assign(model, { status: 'submitted', attempt: 1, begun: model.begun + 1 });
        return;
      case 'cancel':
        if (!running && model.status !== 'failed') {
          await expect(admin.cancel(gid)).rejects.toBeInstanceOf(JobStateError);
          return;
        }
        await admin.cancel(gid);
        model.status = 'canceled';
        // The step that runs may come to its end; the ones after it do not follow.
        last(gid).end('succeed');
    }
  }
});
