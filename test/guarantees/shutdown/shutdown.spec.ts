import { setTimeout as sleep } from 'node:timers/promises';
import { Test } from '@nestjs/testing';
import { DataSource } from 'typeorm';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { DistributedJobFactory, SteppingModule } from '../../../lib/index.js';
import { connect, TestApplication } from '../../support/application.js';
import { Databases, describePlacements } from '../../support/placements.js';
import { Ping } from '../../support/steps.js';
import { indexes } from '../../support/worker.js';
import { startApp } from '../../support/child-process.js';
import { describeBackends, itOn } from '../../support/database.js';
import { PoolWatch } from '../../support/pool-watch.js';
import { waitFor } from '../../support/wait-for.js';

describePlacements('an application that is closed', (backend, placement) => {
  let databases: Databases;
  let closing: TestApplication;
  let next: TestApplication | undefined;

  /** A lease and a grace that nobody in these tests could wait for. */
  const LEASE = { leaseDuration: '1h', recoveryInterval: 50, concurrency: 2, gracePeriod: '1m' } as const;

  beforeEach(async () => {
    databases = await Databases.create(backend, placement);
    closing = await TestApplication.start(databases, { selfTm: LEASE });
    next = undefined;
  });
  afterEach(async () => {
    await closing.close().catch(() => undefined);
    await next?.close();
    await databases.drop();
  });

  const start = () => closing.dataSource.transaction(() => closing.job().start());
  const stored = () =>
    databases.store.query<{ gid: string; owner: string | null; attempts: number; step_index: number }>(
      'SELECT gid, owner, attempts, step_index FROM stepping_jobs ORDER BY gid',
    );
  const followUp = async () => (next = await TestApplication.start(databases, { selfTm: LEASE }));

  it('gives running steps their signal and hands their leases back, without counting the attempt', async () => {
    const reasons = closing.recording.runUntilSignal();
    const { gid } = await start();
    await waitFor(() => closing.recording.of(gid).length === 1);
    await closing.close();
    expect(reasons).toEqual(['StepInterruptedError']);
    expect(await stored()).toEqual([{ gid, owner: null, attempts: 0, step_index: 0 }]);

    await followUp();
    expect(await next!.ended(gid)).toMatchObject({
      status: 'succeeded',
      steps: [{ attempts: 1 }, { attempts: 1 }],
    });
    expect(next!.recording.trace(gid)).toEqual(['reserve-stock#1', 'send-email#1']);
  });

  it('stores the success of a step that ends within its grace, and starts no further one', async () => {
    closing.recording.onExecute = async (_, { signal }) => {
      await waitFor(() => signal.aborted);
      await sleep(300);
    };
    const { gid } = await start();
    await waitFor(() => closing.recording.of(gid).length === 1);
    await closing.close();
    expect(await stored()).toEqual([{ gid, owner: null, attempts: 0, step_index: 1 }]);
    await followUp();
    await next!.ended(gid);
    expect([closing.recording.trace(gid), next!.recording.trace(gid)]).toEqual([
      ['reserve-stock#1'],
      ['send-email#1'],
    ]);
  });

  it('keeps the lease of a step that ignores its signal: it may still be at work', async () => {
    await closing.close();
    closing = await TestApplication.start(databases, { selfTm: { ...LEASE, gracePeriod: 300 } });
    let settle!: () => void;
    closing.recording.onExecute = () => new Promise<void>((resolve) => (settle = resolve));
    const { gid } = await start();
    await waitFor(() => closing.recording.of(gid).length === 1);
    await closing.close();
    const [row] = await stored();
    expect(row).toMatchObject({ gid, attempts: 0, step_index: 0 });
    expect(row!.owner).not.toBeNull();
    settle();
  });

  it('hands back the jobs that wait in memory', async () => {
    let full = true;
    closing.recording.onExecute = () => full && waitFor(() => !full);
    const gids: string[] = [];
    for (let count = 0; count < 20; count += 1) gids.push((await start()).gid);
    await waitFor(() => closing.recording.executions.length === LEASE.concurrency);
    const closed = closing.close();
    await waitFor(async () => (await stored()).filter(({ owner }) => owner === null).length >= 18);
    full = false;
    await closed;
    expect((await stored()).map(({ owner }) => owner)).toEqual(gids.map(() => null));
    await followUp();
    for (const gid of gids) {
      expect((await next!.ended(gid)).status).toBe('succeeded');
      const steps = [...closing.recording.trace(gid), ...next!.recording.trace(gid)];
      expect(steps).toEqual(['reserve-stock#1', 'send-email#1']);
    }
  });

  itOn(
    backend,
    'postgres',
    'mariadb',
  )('makes no query after the pool is closed, whatever was under way', async () => {
    await closing.close();
    let starts: Promise<unknown>[] = [];
    // As an HTTP server does: the transactions of the application end between its hooks.
    const server = {
      provide: 'server',
      useFactory: () => ({ beforeApplicationShutdown: () => Promise.all(starts) }),
    };
    closing = await TestApplication.start(databases, { selfTm: LEASE, providers: [server] });
    closing.recording.onExecute = () => sleep(100);
    const pool = new PoolWatch(closing.dataSource);
    starts = Array.from({ length: 60 }, () => start());
    await waitFor(() => closing.recording.executions.length > 5);
    await closing.close();
    expect(pool.closed).toBe(true);
    // Time for whatever might have been left: another application comes and does all of it.
    await followUp();
    await waitFor(async () => {
      const { jobs } = await next!.admin.list({ status: ['submitted', 'prepared'], limit: 1 });
      return jobs.length === 0;
    });
    expect(pool.tooLate).toEqual([]);
  });
});

describeBackends('the lifecycle', (backend) => {
  let databases: Databases;
  beforeEach(async () => {
    databases = await Databases.create(backend, 'one');
  });
  afterEach(() => databases.drop());

  it('lets jobs be started from onModuleInit, and steps run from onApplicationBootstrap', async () => {
    const events: string[] = [];
    let gid = '';
    /** Far more than a job in memory needs to begin. */
    const roundTrips = async () => {
      for (let times = 0; times < 20; times += 1) {
        expect(await databases.store.query('SELECT gid FROM stepping_jobs')).toHaveLength(1);
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    const early = (jobs: DistributedJobFactory) => ({
      onModuleInit: async () => {
        ({ gid } = await jobs.createJob({ transaction: 'none' }).addStep(Ping).start());
        events.push('started');
        await roundTrips();
      },
      onApplicationBootstrap: async () => {
        await roundTrips();
        events.push('bootstrapped');
      },
    });
    const app = await TestApplication.start(databases, {
      providers: [{ provide: 'early', useFactory: early, inject: [DistributedJobFactory] }],
      customize: (builder) => {
        builder.overrideProvider(Ping).useValue({ execute: () => void events.push('step') });
        return builder;
      },
    });
    await app.ended(gid);
    expect(events).toEqual(['started', 'bootstrapped', 'step']);
    await app.close();
  });

  it('begins nothing in an application that was closed while it was starting', async () => {
    const dataSource = await connect(databases.business);
    const imports = [SteppingModule.forRoot()];
    const source = { provide: DataSource, useValue: dataSource };
    let letGo!: () => void;
    const slow = { onModuleInit: () => new Promise<void>((resolve) => (letGo = resolve)) };
    const testing = await Test.createTestingModule({
      imports,
      providers: [source, { provide: 'slow', useValue: slow }],
    }).compile();
    // Nest waits for the start of others before it closes them.
    const starting = testing.createNestApplication();
    const started = starting.init();
    await waitFor(() => letGo !== undefined);
    await starting.close();
    letGo();
    await started;

    const other = await Test.createTestingModule({ imports, providers: [source] }).compile();
    await other.init();
    const processes = () => databases.store.query('SELECT id FROM stepping_processes');
    await waitFor(async () => (await processes()).length > 0);
    await other.close();
    expect(await processes()).toEqual([]);
    await dataSource.destroy();
  });

  it('ends by SIGTERM after the requests under way, whose jobs others run at once', async () => {
    await (await connect(databases.business)).destroy();
    const server = startApp('http', {
      env: { WORKER: JSON.stringify({ business: databases.business.dataSourceOptions() }) },
    });
    const { url } = await server.waitForMessage(({ type }) => type === 'ready');
    const answer = fetch(`${url}/orders`, { method: 'POST', headers: { connection: 'close' } });
    await server.waitForMessage(({ type }) => type === 'request');
    expect(await server.kill('SIGTERM')).toEqual({ code: null, signal: 'SIGTERM' });
    const { gid } = (await (await answer).json()) as { gid: string };
    expect(server.messages.at(-1)).toMatchObject({ type: 'pool-closed' });
    expect(server.log).toBe('');

    const next = await TestApplication.start(databases);
    expect(await next.ended(gid)).toMatchObject({
      status: 'succeeded',
      steps: [{ attempts: 1 }, { attempts: 1 }],
    });
    expect([...indexes(server, gid), ...next.recording.of(gid).map(({ index }) => index)]).toEqual([0, 1]);
    await next.close();
  });
});
