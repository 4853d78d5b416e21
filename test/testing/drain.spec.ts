import {
  DrainLimitError,
  SteppingTesting,
  TestingUsageError,
  type FaultPoint,
} from 'nestjs-stepping/testing';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { DistributedJobFactory, Step, type StepHandler } from '../../lib/index.js';
import { Effect, Order } from '../support/order.entity.js';
import { Ping, ReserveStock, SendEmail, WriteEffect } from '../support/steps.js';
import { describePlaces } from './places.js';
import { TestedApplication } from './tested-application.js';

const HOOK = Symbol.for('nestjs-stepping.fault-point');

/** Starts the same job again, for ever. */
@Step('again')
class Again implements StepHandler {
  constructor(private readonly jobs: DistributedJobFactory) {}
  async execute(): Promise<void> {
    await this.jobs.createJob().addStep(Again).start();
  }
}

/** Starts another job in its own transaction. */
@Step({ name: 'follow-up', transactional: true })
class FollowUp implements StepHandler {
  constructor(private readonly jobs: DistributedJobFactory) {}
  async execute(): Promise<void> {
    await this.jobs.createJob().addStep(Ping).start();
  }
}

/** Changes what it was given, and fails the first time. */
@Step('spoil')
class Spoil implements StepHandler<{ lines: string[] }> {
  seen: string[][] = [];
  async execute({ lines }: { lines: string[] }): Promise<void> {
    this.seen.push([...lines]);
    lines.push('spoilt');
    if (this.seen.length === 1) throw new Error('once more');
  }
}

let app: TestedApplication | undefined;
afterEach(async () => {
  vi.unstubAllGlobals();
  await app?.close();
  app = undefined;
});

describePlaces('drain()', ({ store, backend }) => {
  it('runs jobs that were started, and nothing runs before it', async () => {
    app = await TestedApplication.start({ store, backend });
    const { gid } = await app.dataSource.transaction(async (manager) => {
      await manager.insert(Order, { id: '1' });
      return app!.jobs
        .createJob()
        .addStep(ReserveStock, { orderId: '1' })
        .addStep(WriteEffect, { orderId: '1' })
        .start();
    });
    const alone = await app.jobs.createJob().addStep(Ping).start();
    expect((await app.stepping.expectJob({ step: ReserveStock })).status).toBe('submitted');
    expect(app.recording.executions).toEqual([]);

    expect(await app.stepping.drain()).toEqual({
      crashedAt: null,
      ran: [
        { gid, step: 'reserve-stock', args: { orderId: '1' }, attempt: 1, outcome: 'succeeded' },
        { gid, step: 'write-effect', args: { orderId: '1' }, attempt: 1, outcome: 'succeeded' },
        { gid: alone.gid, step: 'ping', args: undefined, attempt: 1, outcome: 'succeeded' },
      ],
    });
    expect(await app.dataSource.getRepository(Effect).count()).toBe(1);
    expect((await app.admin.find(gid))!.status).toBe('succeeded');
    expect((await app.stepping.drain()).ran).toEqual([]);
  });

  it('gives each attempt the arguments as they were stored, whatever the one before has done to them', async () => {
    app = await TestedApplication.start({ store, backend, providers: [Spoil] });
    await app.jobs
      .createJob()
      .addStep(Spoil, { lines: ['stored'] })
      .start();
    const { ran } = await app.stepping.advance('1h');
    expect(ran.map(({ args, outcome }) => [args, outcome])).toEqual([
      [{ lines: ['stored'] }, 'failed'],
      [{ lines: ['stored'] }, 'succeeded'],
    ]);
    expect(app.module.get(Spoil).seen).toEqual([['stored'], ['stored']]);
  });

  it('runs no job whose transaction was rolled back', async () => {
    app = await TestedApplication.start({ store, backend });
    await app.dataSource
      .transaction(async () => {
        await app!.jobs.createJob().addStep(Ping).start();
        throw new Error('out of stock');
      })
      .catch(() => undefined);
    await app.stepping.expectNoJob();
    expect(await app.stepping.jobs()).toEqual([]);
    await app.stepping.drain();
    await app.stepping.advance('1h');
    expect(app.recording.executions).toEqual([]);
  });

  it('runs jobs that steps start in their transactions', async () => {
    app = await TestedApplication.start({ store, backend, providers: [FollowUp] });
    await app.jobs.createJob().addStep(FollowUp).start();
    const { ran } = await app.stepping.drain();
    expect(ran.map(({ step }) => step)).toEqual(['follow-up', 'ping']);
  });

  it('leaves a step alone that another process provides', async () => {
    app = await TestedApplication.start({ store, backend });
    await app.jobs.createJob().addStep(Ping).addStep('elsewhere', { a: 1 }).start();
    const { ran } = await app.stepping.drain();
    expect(ran.map(({ step }) => step)).toEqual(['ping']);
    expect((await app.stepping.advance('1d')).ran).toEqual([]);
    const job = await app.stepping.expectJob({ step: 'elsewhere', args: { a: 1 }, status: 'submitted' });
    expect(job.steps.map(({ status }) => status)).toEqual(['succeeded', 'waiting']);
  });
});

describe('drain()', () => {
  it('waits for what transactions that have ended still have to tell', async () => {
    app = await TestedApplication.start({ backend: 'sqlite' });
    const told = vi.fn<() => void>();
    vi.stubGlobal(HOOK as never, async (point: FaultPoint) => {
      if (point !== 'job:before-submit') return;
      await new Promise((resolve) => setTimeout(resolve, 30));
      told();
    });
    await app.dataSource.transaction(() => app!.jobs.createJob().addStep(Ping).start());
    expect(told).not.toHaveBeenCalled();
    expect((await app.stepping.drain()).ran).toHaveLength(1);
    expect(told).toHaveBeenCalledOnce();
  });

  it('comes to no end with jobs that start each other, and says so', async () => {
    app = await TestedApplication.start({ providers: [Again] });
    await app.jobs.createJob().addStep(Again).start();
    const error = await app.stepping.drain({ limit: 20 }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(DrainLimitError);
    expect((error as Error).message).toMatchInlineSnapshot(`
      "After 20 attempts there are still jobs to run. Does a step start a job each time, or is it retried without a wait? drain({ limit }) allows more.
        submitted: again"
    `);
    expect((await app.stepping.jobs()).length).toBe(21);
  });

  it('is not confused by a step that is due later than the limit', async () => {
    app = await TestedApplication.start();
    await app.jobs.createJob().addStep(Ping).start();
    await app.jobs.createJob({ delay: '1m' }).addStep(Ping).start();
    expect((await app.stepping.drain({ limit: 1 })).ran).toHaveLength(1);
  });

  it('fails attempts as failNext() says, those of that step only', async () => {
    app = await TestedApplication.start();
    const down = new Error('smtp down');
    app.stepping.failNext(SendEmail, down, 2);
    await app.jobs.createJob().addStep(Ping).addStep(SendEmail, { orderId: '1' }).start();
    const { ran } = await app.stepping.drain();
    expect(ran.map(({ step, outcome }) => `${step}: ${outcome}`)).toEqual([
      'ping: succeeded',
      'send-email: failed',
    ]);
    expect(ran[1]!.error).toBe(down);
    expect(
      (await app.stepping.advance('1m')).ran.map(({ attempt, outcome }) => `${attempt} ${outcome}`),
    ).toEqual(['2 failed', '3 succeeded']);
    expect(app.recording.trace(ran[0]!.gid)).toEqual(['ping#1', 'send-email#3']);
  });

  it('is refused before the application is there, and while it is under way', async () => {
    const stepping = new SteppingTesting();
    await expect(stepping.drain()).rejects.toThrow(TestingUsageError);
    expect(() => stepping.failNext(Ping)).toThrow(/Call override\(\)/);
    app = await TestedApplication.start();
    const drained = app.stepping.drain();
    await expect(app.stepping.advance(1)).rejects.toThrow(TestingUsageError);
    await drained;
    expect(() => app!.stepping.failNext(Again)).toThrow(/not provided/);
    await expect(app.stepping.advance('soon')).rejects.toThrow(/duration/);
    expect(() => app!.stepping.failNext(Ping, new Error('x'), 0)).toThrow(/times/);
    expect(() => new SteppingTesting({ store: 'disk' as never })).toThrow(/store/);
  });
});
