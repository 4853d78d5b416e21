import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import {
  InvalidGidError,
  InvalidOptionError,
  JobNotFoundError,
  JobStateError,
  UnrecoverableStepError,
} from '../../lib/index.js';
import { Databases, describePlacements, TestApplication } from '../fixtures/application.js';
import { fence } from '../fixtures/fates.js';
import { Order } from '../fixtures/order.entity.js';
import { Ping, ReserveStock, SendEmail } from '../fixtures/steps.js';
import { makeDue } from '../fixtures/stored-job.js';
import { describeBackends } from '../support/database.js';
import { waitFor } from '../support/wait-for.js';

describeBackends('repairing jobs', (backend) => {
  let databases: Databases;
  let app: TestApplication;

  beforeAll(async () => {
    databases = await Databases.create(backend, 'one');
    app = await TestApplication.start(databases, { selfTm: { leaseDuration: 1000 } });
  });
  afterAll(async () => {
    await app?.close();
    await databases?.drop();
  });
  afterEach(() => {
    app.recording.onExecute = () => undefined;
  });

  it('cancel() stops before the next step and leaves the one that runs alone', async () => {
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
    await app.admin.cancel(gid);
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
  });

  it('a job that waits is canceled before it runs', async () => {
    const { gid } = await app.jobs.createJob({ delay: '1h' }).addStep(Ping).start();
    await app.admin.cancel(gid);
    await makeDue(databases, gid).catch(() => undefined);
    await fence(app);
    expect(app.recording.of(gid)).toEqual([]);
    expect((await app.admin.find(gid))!.status).toBe('canceled');
  });

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
      const job = await app.admin.find(gid);
      return app.recording.of(gid).length === 2 && job;
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

describeBackends('listing jobs', (backend) => {
  let databases: Databases;
  let app: TestApplication;
  const gids: string[] = [];

  beforeAll(async () => {
    databases = await Databases.create(backend, 'one');
    app = await TestApplication.start(databases, { selfTm: { recoveryInterval: '1h' } });
    for (let index = 0; index < 7; index += 1) {
      const job = app.jobs.createJob({ name: index % 2 ? 'odd' : 'even', gid: `job-${index}`, delay: '1h' });
      gids.unshift(
        (await (index < 3 ? job.addStep(Ping) : job.addStep(SendEmail, { orderId: '1' })).start()).gid,
      );
    }
    await app.admin.cancel('job-6');
  });
  afterAll(async () => {
    await app?.close();
    await databases?.drop();
  });

  const list = async (...args: Parameters<TestApplication['admin']['list']>) =>
    (await app.admin.list(...args)).jobs.map(({ gid }) => gid);

  it('filters by status, step and name, joined by AND', async () => {
    expect(await list()).toEqual(gids);
    expect(await list({ status: 'canceled' })).toEqual(['job-6']);
    expect(await list({ status: ['canceled', 'submitted'] })).toEqual(gids);
    expect(await list({ step: 'ping' })).toEqual(['job-2', 'job-1', 'job-0']);
    expect(await list({ name: 'odd' })).toEqual(['job-5', 'job-3', 'job-1']);
    expect(await list({ name: 'odd', step: 'ping', status: 'submitted' })).toEqual(['job-1']);
    expect(await list({ name: "x' OR 1=1 --" })).toEqual([]);
    expect(await list({ status: 'failed' })).toEqual([]);
  });

  it('filters by the time of creation', async () => {
    const { createdAt } = (await app.admin.find('job-3'))!;
    const after = new Date(createdAt.getTime() + 3600_000);
    const before = new Date(createdAt.getTime() - 3600_000);
    expect(await list({ createdAfter: before, createdBefore: after })).toEqual(gids);
    expect(await list({ createdAfter: after })).toEqual([]);
    expect(await list({ createdBefore: before })).toEqual([]);
  });

  it('goes on at a cursor, and shows each job once', async () => {
    const pages: string[][] = [];
    let cursor: string | undefined;
    do {
      const page = await app.admin.list({ limit: 3, ...(cursor !== undefined && { cursor }) });
      pages.push(page.jobs.map(({ gid }) => gid));
      cursor = page.cursor;
    } while (cursor !== undefined && pages.length < 10);
    expect(pages).toEqual([gids.slice(0, 3), gids.slice(3, 6), gids.slice(6)]);
    expect((await app.admin.list({ limit: 7 })).cursor).toBeUndefined();
  });

  it('refuses filters that cannot be', async () => {
    const bad: unknown[] = [
      { limit: 0 },
      { limit: 1001 },
      { limit: 1.5 },
      { limit: '10' },
      { status: 'done' },
      { status: ['submitted', 'done'] },
      { createdAfter: new Date('nonsense') },
      { createdBefore: '2026-01-01' },
      { step: 1 },
      { name: {} },
      { stauts: 'failed' },
    ];
    for (const filter of bad)
      await expect(app.admin.list(filter as never), JSON.stringify(filter)).rejects.toThrow(
        InvalidOptionError,
      );
    await expect(app.admin.list({ cursor: 'no gid' })).rejects.toThrow(InvalidGidError);
  });
});

describePlacements('a job whose transaction is open', (backend, placement) => {
  let databases: Databases;
  let app: TestApplication;

  beforeAll(async () => {
    databases = await Databases.create(backend, placement);
    app = await TestApplication.start(databases, { selfTm: { queryPreparedAfter: '1m' } });
  });
  afterAll(async () => {
    await app?.close();
    await databases?.drop();
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
