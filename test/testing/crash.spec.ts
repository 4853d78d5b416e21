import { ProcessCrashedError, type FaultPoint } from 'nestjs-stepping/testing';
import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Effect, Order } from '../support/order.entity.js';
import { Ping, ReserveStock, WriteEffect } from '../support/steps.js';
import { describePlaces, type Place } from './places.js';
import { TestedApplication } from './tested-application.js';

let app: TestedApplication | undefined;
let warn: ReturnType<typeof vi.spyOn>;
beforeEach(() => {
  warn = vi.spyOn(Logger.prototype, 'warn');
});
afterEach(async () => {
  vi.restoreAllMocks();
  await app?.close();
  app = undefined;
});

const inDrain: FaultPoint[] = [
  'step:before-execute',
  'step:executed',
  'progress:before-write',
  'progress:written',
  'recovery:claimed',
];
const inTransaction: FaultPoint[] = ['step:before-commit', 'step:committed'];
const whileStarting: FaultPoint[] = [
  'job:before-prepare',
  'job:prepared',
  'job:before-barrier',
  'job:started',
];
const afterCommit: FaultPoint[] = ['job:before-submit', 'job:submitted'];

describePlaces('a crash', ({ store, backend }: Place) => {
  const place = (): Promise<Order> =>
    app!.dataSource.transaction(async (manager) => {
      const order = await manager.save(Order, { id: '1', note: '' });
      await app!.jobs.createJob().addStep(ReserveStock, { orderId: order.id }).addStep(Ping).start();
      return order;
    });

  it.each(inDrain)('at %s repeats at most the step that was running', async (point) => {
    app = await TestedApplication.start({ store, backend });
    await place();
    app.stepping.crashAt(point);
    const { ran, crashedAt } = await app.stepping.drain();
    expect(crashedAt).toBe(point);
    const executed = app.recording.executions.length;
    expect(executed).toBe(ran.length);
    const stored = await app.stepping.expectJob({ step: ReserveStock });
    await expect(app.stepping.drain()).rejects.toThrow(ProcessCrashedError);
    await expect(app.jobs.createJob().addStep(Ping).start()).rejects.toThrow(/Call restart\(\)/);
    await expect(app.admin.find(stored.gid)).rejects.toThrow(ProcessCrashedError);

    await app.stepping.restart();
    const again = await app.stepping.drain();
    const written = point === 'progress:written';
    // The first crash of a job is not counted.
    expect(again.ran[0]).toMatchObject({ step: written ? 'ping' : 'reserve-stock', attempt: 1 });
    expect(again.ran.map(({ outcome }) => outcome)).toEqual(
      written ? ['succeeded'] : ['succeeded', 'succeeded'],
    );
    await app.stepping.expectJob({ step: Ping, status: 'succeeded' });
  });

  it.each(['step:before-execute', 'step:executed', ...inTransaction] as FaultPoint[])(
    'at %s leaves the effects of a transactional step there once',
    async (point) => {
      app = await TestedApplication.start({ store, backend });
      await app.jobs
        .createJob()
        .addStep(ReserveStock, { orderId: '1' })
        .addStep(WriteEffect, { orderId: '1' })
        .start();
      app.stepping.crashAt(point, { step: WriteEffect });
      expect(await app.stepping.drain()).toMatchObject({ crashedAt: point });
      // The dead say nothing either.
      expect(warn.mock.calls).toEqual([]);
      const committed = point === 'step:committed' || point === 'step:executed';
      expect(await app.dataSource.getRepository(Effect).count()).toBe(committed ? 1 : 0);
      await app.stepping.restart();
      await app.stepping.drain();
      expect(await app.dataSource.getRepository(Effect).count()).toBe(1);
      const executions = app.recording.executions.filter(({ step }) => step === 'write-effect').length;
      expect(executions).toBe(point === 'step:before-commit' ? 2 : 1);
      await app.stepping.expectJob({ step: WriteEffect, status: 'succeeded' });
    },
  );

  // A job in the transaction's own database needs no barrier.
  const starting =
    store === 'memory' ? whileStarting : whileStarting.filter((point) => !point.includes('barrier'));
  it.each(starting)('at %s takes the transaction back with the job', async (point) => {
    app = await TestedApplication.start({ store, backend });
    app.stepping.crashAt(point);
    await expect(place()).rejects.toThrow(`crashed at '${point}'`);
    expect(await app.dataSource.getRepository(Order).count()).toBe(0);
    const prepared = store === 'memory' && point !== 'job:before-prepare';
    expect((await app.stepping.jobs()).map(({ status }) => status)).toEqual(prepared ? ['prepared'] : []);
    await app.stepping.restart();
    await app.stepping.advance('1h');
    await app.stepping.expectNoJob();
    expect(app.recording.executions).toEqual([]);
  });

  it('keeps the dead process from telling how the transaction ended', async () => {
    app = await TestedApplication.start({ store, backend });
    const started = app.dataSource.transaction(async () => {
      await app!.jobs.createJob().addStep(ReserveStock, { orderId: '1' }).start();
      app!.stepping.crashAt('job:started');
      await app!.jobs.createJob().addStep(Ping).start();
    });
    await expect(started).rejects.toThrow(ProcessCrashedError);
    // Alive, it would have taken both jobs back at once.
    const statuses = (await app.stepping.jobs()).map(({ status }) => status);
    expect(statuses).toEqual(store === 'memory' ? ['prepared', 'prepared'] : []);
    await app.stepping.restart();
    await app.stepping.drain();
    expect(await app.stepping.jobs()).toEqual([]);
    expect(app.recording.executions).toEqual([]);
  });

  it.each(afterCommit)('at %s loses nothing', async (point) => {
    app = await TestedApplication.start({ store, backend });
    app.stepping.crashAt(point);
    await place();
    await app.stepping.jobs();
    await expect(app.stepping.drain()).rejects.toThrow(`crashed at '${point}'`);
    expect(warn.mock.calls).toEqual([]);
    await app.stepping.restart();
    expect((await app.stepping.drain()).ran.map(({ step }) => step)).toEqual(['reserve-stock', 'ping']);
  });

  it('is told of a prepared job whose process has died: it waits for the question to its database', async () => {
    app = await TestedApplication.start({ store, backend });
    app.stepping.crashAt('job:before-submit');
    await place();
    const [job] = await app.stepping.jobs();
    expect(job!.status).toBe(store === 'memory' ? 'prepared' : 'submitted');
    await app.stepping.restart();
    if (store === 'memory') {
      app.stepping.crashAt('recovery:resolved');
      expect((await app.stepping.drain()).crashedAt).toBe('recovery:resolved');
      await app.stepping.restart();
    }
    expect((await app.stepping.drain()).ran).toHaveLength(2);
  });
});

describe('restart()', () => {
  it('ends a process that is well, and keeps the jobs', async () => {
    app = await TestedApplication.start();
    await app.jobs.createJob().addStep(Ping).start();
    await app.stepping.restart();
    expect((await app.stepping.drain()).ran).toMatchObject([{ step: 'ping', attempt: 1 }]);
    expect((await app.admin.list()).jobs).toHaveLength(1);
  });

  it('goes with crashes one after the other, each of which but the first uses an attempt', async () => {
    app = await TestedApplication.start();
    const { gid } = await app.jobs.createJob().addStep(Ping).start();
    for (let crashes = 0; crashes < 3; crashes += 1) {
      app.stepping.crashAt('step:executed');
      // From the second on, the next attempt is due after the waiting time of the step's policy.
      await app.stepping.advance('1m');
      await app.stepping.restart();
    }
    await app.stepping.advance('1m');
    expect(app.recording.trace(gid)).toEqual(['ping#1', 'ping#1', 'ping#2', 'ping#3']);
  });

  it('is not needed for a crash that has not come', async () => {
    app = await TestedApplication.start();
    app.stepping.crashAt('step:executed', { step: ReserveStock });
    await app.jobs.createJob().addStep(Ping).start();
    expect((await app.stepping.drain()).crashedAt).toBeNull();
    await app.jobs.createJob().addStep(ReserveStock, { orderId: '1' }).start();
    expect((await app.stepping.drain()).crashedAt).toBe('step:executed');
  });

  it('refuses a point that is none, and a step where none runs', async () => {
    app = await TestedApplication.start();
    expect(() => app!.stepping.crashAt('lunch' as FaultPoint)).toThrow(/step:executed/);
    expect(() => app!.stepping.crashAt('job:started', { step: Ping })).toThrow(/leave out the step/);
  });
});
