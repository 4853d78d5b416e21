import { afterEach, expect, it } from 'vitest';
import {
  InvalidGidError,
  JobNotFoundError,
  JobStateError,
  UnrecoverableStepError,
} from '../../../lib/index.js';
import { suiteApplication } from '../../support/suite-application.js';
import { TestApplication } from '../../support/application.js';
import { Databases, describePlacements } from '../../support/placements.js';
import { fence } from '../../support/fates.js';
import { Order } from '../../support/order.entity.js';
import { Ping, ReserveStock, SendEmail } from '../../support/steps.js';
import { makeDue } from '../../support/stored-job.js';
import { describeBackends } from '../../support/database.js';
import { waitFor } from '../../support/wait-for.js';

describeBackends('repairing jobs', (backend) => {
  let databases: Databases;
  let app: TestApplication;
  suiteApplication(backend, 'one', (started) => ({ databases, app } = started), {
    selfTm: { leaseDuration: 5000 },
  });
  afterEach(() => {
    app.recording.onExecute = () => undefined;
  });

  it.each(['the process', 'another process'])(
    'cancel() in %s stops before the next step and leaves the one that runs alone',
    async (where) => {
      let release!: () => void;
      const held = new Promise<void>((resolve) => (release = resolve));
      let signal: AbortSignal | undefined;
      app.recording.onExecute = async ({ step }, context) => {
        if (step !== 'reserve-stock') return;
        signal ??= context.signal;
        await held;
      };
      const job = app.jobs
        .createJob()
        .addStep(ReserveStock, { orderId: '1' })
        .addStep(SendEmail, { orderId: '1' });
      const { gid } = await job.start();
      await waitFor(() => signal);
      if (where === 'the process') await app.admin.cancel(gid);
      else {
        const other = await TestApplication.start(databases, { selfTm: { runSteps: false } });
        await other.admin.cancel(gid);
        await other.close();
      }
      expect(await app.admin.find(gid)).toMatchObject({
        status: 'canceled',
        dueAt: null,
        endedAt: expect.any(Date),
      });

      // Another job, started later, has its lease renewed twice: so would have been the one of the canceled job.
      const other = await app.jobs
        .createJob({ transaction: 'none' })
        .addStep(ReserveStock, { orderId: '2' })
        .start();
      const dueAt = async () => (await app.admin.find(other.gid))!.dueAt!.getTime();
      for (let renewals = 0; renewals < 2; renewals += 1) {
        const before = await dueAt();
        await waitFor(async () => (await dueAt()) > before);
      }
      expect(signal!.aborted).toBe(false);
      release();
      await app.ended(other.gid);
      await fence(app);
      expect(app.recording.trace(gid)).toEqual(['reserve-stock#1']);
      const canceled = await app.admin.find(gid);
      expect(canceled!.status).toBe('canceled');
      expect(canceled!.steps.map(({ status }) => status)).toEqual(['canceled', 'pending']);
    },
  );

  it('a job that waits is canceled before it runs', async () => {
    const { gid } = await app.jobs.createJob({ delay: '1h' }).addStep(Ping).start();
    await app.admin.cancel(gid);
    await makeDue(databases, gid).catch(() => undefined);
    await fence(app);
    expect(app.recording.of(gid)).toEqual([]);
    expect((await app.admin.find(gid))!.status).toBe('canceled');
  });

  it.each(['the process', 'another process'])(
    'a job that waits in memory for its turn is not begun after a cancel() in %s',
    async (where) => {
      // Another process's cancellation is noticed when leases are renewed.
      const leaseDuration = where === 'the process' ? '1h' : 5000;
      const busy = await TestApplication.start(databases, { selfTm: { concurrency: 1, leaseDuration } });
      const other = await TestApplication.start(databases, { selfTm: { runSteps: false } });
      try {
        let release!: () => void;
        const held = new Promise<void>((resolve) => (release = resolve));
        busy.recording.onExecute = ({ step }) => (step === 'reserve-stock' ? held : undefined);
        const first = await busy.jobs.createJob().addStep(ReserveStock, { orderId: '1' }).start();
        await waitFor(() => busy.recording.of(first.gid).length === 1);
        const { gid } = await busy.jobs.createJob().addStep(Ping).start();
        expect((await busy.admin.find(gid))!.steps[0]!.status).toBe('running');
        if (where === 'the process') await busy.admin.cancel(gid);
        else {
          await other.admin.cancel(gid);
          const dueAt = async () => (await other.admin.find(first.gid))!.dueAt!.getTime();
          for (let renewals = 0; renewals < 2; renewals += 1) {
            const before = await dueAt();
            await waitFor(async () => (await dueAt()) > before);
          }
        }
        release();
        expect((await busy.ended(first.gid)).status).toBe('succeeded');
        const next = await busy.jobs.createJob().addStep(Ping).start();
        expect((await busy.ended(next.gid)).status).toBe('succeeded');
        expect(busy.recording.of(gid)).toEqual([]);
        expect((await busy.admin.find(gid))!.status).toBe('canceled');
      } finally {
        await other.close();
        await busy.close();
      }
    },
  );

  it('a failed job can be canceled, and then no more be retried', async () => {
    app.recording.onExecute = () => {
      throw new UnrecoverableStepError('no');
    };
    const { gid } = await app.jobs.createJob().addStep(Ping).start();
    expect((await app.ended(gid)).status).toBe('failed');
    app.recording.onExecute = () => undefined;
    await app.admin.cancel(gid);
    expect((await app.admin.find(gid))!.status).toBe('canceled');
    await expect(app.admin.retry(gid)).rejects.toMatchObject({
      constructor: JobStateError,
      status: 'canceled',
      action: 'retry',
    });
    await expect(app.admin.cancel(gid)).rejects.toThrow(JobStateError);
  });

  it('neither is possible for a job that has succeeded, and retry() not for one that lives', async () => {
    const { gid } = await app.jobs.createJob().addStep(Ping).start();
    await app.ended(gid);
    await expect(app.admin.retry(gid)).rejects.toMatchObject({
      constructor: JobStateError,
      status: 'succeeded',
    });
    await expect(app.admin.cancel(gid)).rejects.toMatchObject({
      constructor: JobStateError,
      status: 'succeeded',
    });
    const living = await app.jobs.createJob({ delay: '1h' }).addStep(Ping).start();
    await expect(app.admin.retry(living.gid)).rejects.toMatchObject({
      constructor: JobStateError,
      status: 'submitted',
    });
    await app.admin.cancel(living.gid);
  });

  it('a gid without a job is an error, and so is what is no gid', async () => {
    await expect(app.admin.retry('nobody')).rejects.toThrow(JobNotFoundError);
    await expect(app.admin.cancel('nobody')).rejects.toThrow(JobNotFoundError);
    expect(await app.admin.find('nobody')).toBeNull();
    for (const action of ['find', 'retry', 'cancel'] as const) {
      await expect(app.admin[action]("'; DROP")).rejects.toThrow(InvalidGidError);
      await expect(app.admin[action](undefined as never)).rejects.toThrow(InvalidGidError);
    }
  });

  it('find() tells all about a job', async () => {
    let release!: () => void;
    const held = new Promise<void>((resolve) => (release = resolve));
    app.recording.onExecute = async ({ step }) => {
      if (step === 'send-email') await held;
    };
    const started = Date.now();
    const { gid } = await app.jobs
      .createJob({ name: 'an order', gid: `Order.${backend}:1` })
      .addStep(ReserveStock, { orderId: '1' })
      .addStep(SendEmail, { orderId: '2' })
      .addStep(Ping)
      .start();
    const running = await waitFor(async () => {
      // The second step begins when the success of the first is stored.
      return app.recording.of(gid).length === 2 && (await app.admin.find(gid));
    });
    expect(running).toMatchObject({ gid, name: 'an order', status: 'submitted', error: null, endedAt: null });
    expect(running.steps).toEqual([
      { index: 0, name: 'reserve-stock', status: 'succeeded', args: { orderId: '1' }, attempts: 1 },
      { index: 1, name: 'send-email', status: 'running', args: { orderId: '2' }, attempts: 1 },
      { index: 2, name: 'ping', status: 'pending', args: undefined, attempts: 0 },
    ]);
    expect(Math.abs(running.createdAt.getTime() - started)).toBeLessThan(5000);
    expect(running.dueAt!.getTime()).toBeGreaterThan(running.createdAt.getTime());
    release();
    const ended = await app.ended(gid);
    expect(ended).toMatchObject({ status: 'succeeded', dueAt: null });
    expect(ended.endedAt!.getTime()).toBeGreaterThanOrEqual(ended.createdAt.getTime());
    expect(ended.steps.map(({ status, attempts }) => [status, attempts])).toEqual([
      ['succeeded', 1],
      ['succeeded', 1],
      ['succeeded', 1],
    ]);
  });
});

describePlacements('a job whose transaction is open', (backend, placement) => {
  let app: TestApplication;
  suiteApplication(backend, placement, (started) => ({ app } = started), {
    selfTm: { queryPreparedAfter: '1m' },
  });

  it(
    placement === 'one'
      ? 'is found from inside, without waiting for itself'
      : 'is prepared, and can be neither retried nor canceled',
    async () => {
      const { gid } = await app.dataSource.transaction(async (manager) => {
        await manager.insert(Order, { id: '1' });
        const job = await app.jobs.createJob().addStep(Ping).start();
        const found = await app.admin.find(job.gid);
        if (placement === 'two') {
          expect(found).toMatchObject({ status: 'prepared', steps: [{ status: 'pending', attempts: 0 }] });
          for (const action of ['retry', 'cancel'] as const) {
            await expect(app.admin[action](job.gid)).rejects.toMatchObject({
              constructor: JobStateError,
              status: 'prepared',
            });
          }
        } else {
          // On SQLite there is one connection, which sees its own row; elsewhere another one looks.
          expect(found?.status).toBe(backend === 'sqlite' ? 'submitted' : undefined);
        }
        expect(await app.admin.list({ limit: 10 })).toBeDefined();
        return job;
      });
      expect((await app.ended(gid)).status).toBe('succeeded');
    },
  );
});
