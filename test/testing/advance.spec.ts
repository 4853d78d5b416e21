import { afterEach, describe, expect, it } from 'vitest';
import { selfTm, Step, UnrecoverableStepError, type StepHandler } from '../../lib/index.js';
import { Effect } from '../support/order.entity.js';
import { Ping, WriteEffect } from '../support/steps.js';
import { describePlaces } from './places.js';
import { TestedApplication } from './tested-application.js';

@Step({ name: 'patient', retry: { delay: '1m', factor: 2, maxAttempts: 4 } })
class Patient implements StepHandler {
  execute(): void {
    throw new Error('not yet');
  }
}

let app: TestedApplication | undefined;
afterEach(async () => {
  await app?.close();
  app = undefined;
});

describePlaces('advance()', ({ store, backend }) => {
  it('makes a delayed job due, and not before', async () => {
    app = await TestedApplication.start({ store, backend });
    const { gid } = await app.jobs.createJob({ delay: '10m' }).addStep(Ping).start();
    expect((await app.stepping.drain()).ran).toEqual([]);
    expect((await app.stepping.advance('9m')).ran).toEqual([]);
    expect((await app.stepping.advance('1m')).ran).toMatchObject([{ gid, outcome: 'succeeded' }]);
  });

  it('runs each retry at its time, until the job fails', async () => {
    app = await TestedApplication.start({ store, backend, providers: [Patient] });
    await app.jobs.createJob().addStep(Patient).start();
    const attempts = async (duration: string) =>
      (await app!.stepping.advance(duration)).ran.map(({ attempt }) => attempt);
    expect(await attempts('50s')).toEqual([1]);
    expect(await attempts('10s')).toEqual([2]);
    // The third is due after two minutes, and the fourth four minutes later.
    expect(await attempts('10m')).toEqual([3, 4]);
    const job = await app.stepping.expectJob({ step: Patient, status: 'failed' });
    expect(job.steps[0]!.attempts).toBe(4);
    expect(await attempts('1d')).toEqual([]);
  });

  it('keeps to what a job overrides, and tells which attempt is the last one', async () => {
    app = await TestedApplication.start({ store, backend });
    const told: (boolean | undefined)[] = [];
    app.recording.onExecute = (_, { lastAttempt }) => {
      told.push(lastAttempt);
      throw new Error('not yet');
    };
    const retry = { delay: '1h', factor: 1, maxDelay: '1h', maxAttempts: 3 };
    await app.jobs.createJob().addStep(Ping, undefined, { retry }).start();
    const attempts = async (duration: string) =>
      (await app!.stepping.advance(duration)).ran.map(({ attempt }) => attempt);
    expect(await attempts('59m')).toEqual([1]);
    expect(await attempts('1m')).toEqual([2]);
    await app.stepping.expectJob({ step: Ping, status: 'submitted' });
    expect(await attempts('1d')).toEqual([3]);
    await app.stepping.expectJob({ step: Ping, status: 'failed' });
    expect(told).toEqual([false, false, true]);
  });

  it('retries a transactional step, whose effects are there once', async () => {
    app = await TestedApplication.start({ store, backend });
    app.recording.onExecute = ({ attempt }) => {
      if (attempt < 3) throw new Error('after the write');
    };
    await app.jobs.createJob().addStep(WriteEffect, { orderId: '1' }).start();
    const { ran } = await app.stepping.advance('1m');
    expect(ran.map(({ outcome }) => outcome)).toEqual(['failed', 'failed', 'succeeded']);
    expect(await app.dataSource.getRepository(Effect).count()).toBe(1);
  });

  it('deletes ended jobs after their retention', async () => {
    app = await TestedApplication.start({
      store,
      backend,
      module: { transactionManager: selfTm({ retention: '2d' }) },
    });
    await app.jobs.createJob().addStep(Ping).start();
    await app.stepping.drain();
    await app.stepping.advance('1d');
    const { createdAt } = await app.stepping.expectJob({ step: Ping, status: 'succeeded' });
    expect(Date.now() - createdAt.getTime()).toBeGreaterThan(86_390_000);
    await app.stepping.advance('1d');
    expect(await app.stepping.jobs()).toEqual([]);
  });
});

describe('advance()', () => {
  it('tells the application of a job that failed for good', async () => {
    const failed: string[] = [];
    app = await TestedApplication.start({
      module: { onJobFailed: (job, error) => failed.push(`${job.gid}: ${String(error)}`) },
    });
    const { gid } = await app.jobs.createJob().addStep(Ping).start();
    app.stepping.failNext(Ping, new UnrecoverableStepError('gone'));
    await app.stepping.advance('1h');
    expect(failed).toEqual([`${gid}: UnrecoverableStepError: gone`]);
    await app.admin.retry(gid);
    expect((await app.stepping.drain()).ran).toMatchObject([{ gid, attempt: 1, outcome: 'succeeded' }]);
  });
});
