import { Logger, type Provider } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { DataSource } from 'typeorm';
import { afterEach, expect, it, describe, vi } from 'vitest';
import {
  DistributedJobFactory,
  DistributedJobs,
  MemoryStoreInProductionError,
  selfTm,
  SteppingModule,
  SteppingOperations,
  UnrecoverableStepError,
  type JobInfo,
  type SelfTmOptions,
} from '../../../lib/index.js';
import { codecOption } from '../../support/codec.js';
import { connect } from '../../support/application.js';
import { Effect, Order } from '../../support/order.entity.js';
import { Recording } from '../../support/recording.js';
import { Limited, Ping, ReserveStock, SendEmail, stepClasses, WriteEffect } from '../../support/steps.js';
import { createDatabase, type TestDatabase } from '../../support/database.js';
import { waitFor } from '../../support/wait-for.js';

describe('the memory store', () => {
  let application: TestingModule | undefined;
  let database: TestDatabase | undefined;
  let dataSource: DataSource | undefined;
  const recording = (): Recording => application!.get(Recording);
  const jobs = (): DistributedJobFactory => application!.get(DistributedJobFactory);
  const admin = (): DistributedJobs => application!.get(DistributedJobs);

  const start = async (options?: SelfTmOptions, providers: Provider[] = []): Promise<void> => {
    application = await Test.createTestingModule({
      imports: [
        SteppingModule.forRoot({
          ...codecOption(),
          ...(options && { transactionManager: selfTm({ recoveryInterval: 50, ...options }) }),
        }),
      ],
      providers: [Recording, ...stepClasses, ...providers],
    }).compile();
    await application.init();
  };
  const reached = (gid: string, status: JobInfo['status']): Promise<JobInfo> =>
    waitFor(async () => {
      const job = await admin().find(gid);
      return job?.status === status && job;
    });

  afterEach(async () => {
    vi.unstubAllEnvs();
    vi.restoreAllMocks();
    await application?.close();
    application = undefined;
    await dataSource?.destroy();
    await database?.drop();
    dataSource = database = undefined;
  });

  it('serves an application without a DataSource, with one warning', async () => {
    const warn = vi.spyOn(Logger.prototype, 'warn');
    await start();
    const warnings = warn.mock.calls.map(([message]) => String(message));
    expect(warnings.filter((message) => message.includes('do not survive a restart'))).toHaveLength(1);

    const { gid } = await jobs()
      .createJob({ name: 'in memory' })
      .addStep(ReserveStock, { orderId: '1' })
      .addStep(Ping)
      .start();
    expect(await reached(gid, 'succeeded')).toMatchObject({
      name: 'in memory',
      steps: [{ attempts: 1 }, { attempts: 1 }],
    });
    expect(recording().trace(gid)).toEqual(['reserve-stock#1', 'ping#1']);
    expect((await admin().list({ name: 'in memory' })).jobs.map((job) => job.gid)).toEqual([gid]);
    expect(admin().recovery().lastRunAt).toBeInstanceOf(Date);
  });

  it('tells whether a job of a gid of your own was there already', async () => {
    await start({ store: 'memory' });
    const again = () => jobs().createJob({ gid: 'mine' }).addStep(Ping).start();
    expect(await again()).toEqual({ gid: 'mine', created: true });
    expect(await again()).toEqual({ gid: 'mine', created: false });
    expect((await jobs().createJob().addStep(Ping).start()).created).toBe(true);
    await reached('mine', 'succeeded');
    expect(recording().trace('mine')).toEqual(['ping#1']);
  });

  it('lets timers and jobs run during loops of awaited calls', async () => {
    await start({ store: 'memory' });
    const operations = application!.get(SteppingOperations);
    const { gid } = await jobs().createJob().addStep(Ping).start();
    let ticks = 0;
    const timer = setInterval(() => (ticks += 1), 5);
    const calls = [
      () => jobs().createJob({ delay: '1h' }).addStep(Ping).start(),
      () => admin().find(gid),
      () => admin().list(),
      () => operations.overview(),
    ];
    for (const call of calls) {
      ticks = 0;
      const end = performance.now() + 200;
      while (performance.now() < end) await call();
      expect(ticks).toBeGreaterThan(2);
    }
    clearInterval(timer);
    expect(recording().trace(gid)).toEqual(['ping#1']);
  });

  it('needs no transaction, unless the application says so', async () => {
    dataSource = await connect((database = await createDatabase('sqlite')));
    await start({ store: 'memory' }, [{ provide: DataSource, useValue: dataSource }]);
    const { gid } = await jobs().createJob().addStep(Ping).start();
    await reached(gid, 'succeeded');
  });

  it('retries, delays, cancels and lets jobs go on', async () => {
    await start({ store: 'memory' });
    recording().onExecute = ({ step, attempt }) => {
      if (step === 'limited' && attempt < 3) throw new Error('not yet');
      if (step === 'ping') throw new UnrecoverableStepError('no');
    };
    const { gid } = await jobs()
      .createJob({ delay: 30 })
      .addStep(Limited)
      .addStep(Ping)
      .addStep(SendEmail, { orderId: '1' })
      .start();
    await reached(gid, 'failed');
    expect(recording().trace(gid)).toEqual(['limited#1', 'limited#2', 'limited#3', 'ping#1']);
    recording().onExecute = () => undefined;
    await admin().retry(gid);
    await reached(gid, 'succeeded');
    expect(recording().trace(gid).slice(4)).toEqual(['ping#1', 'send-email#1']);

    const later = await jobs().createJob({ delay: '1h' }).addStep(Ping).start();
    await admin().cancel(later.gid);
    expect((await admin().find(later.gid))!.status).toBe('canceled');
  });

  it.each(['production', 'PROD '])(
    'is refused in production (%j), unless it was asked for',
    async (environment) => {
      vi.stubEnv('NODE_ENV', environment);
      await expect(start()).rejects.toThrow(MemoryStoreInProductionError);
      application = undefined;
      const warn = vi.spyOn(Logger.prototype, 'warn');
      await start({ store: 'memory' });
      expect(warn).not.toHaveBeenCalled();
      const { gid } = await jobs().createJob().addStep(Ping).start();
      await reached(gid, 'succeeded');
    },
  );

  it('goes with the transactions of a DataSource, and with transactional steps', async () => {
    database = await createDatabase('sqlite');
    dataSource = await connect(database);
    await start({ store: 'memory', queryPreparedAfter: 100 }, [
      { provide: DataSource, useValue: dataSource },
    ]);
    const committed = await dataSource.transaction(async (manager) => {
      await manager.insert(Order, { id: '1' });
      return jobs().createJob().addStep(Ping).addStep(WriteEffect, { orderId: '1' }).start();
    });
    let rolledBack = '';
    await dataSource
      .transaction(async () => {
        rolledBack = (await jobs().createJob().addStep(Ping).start()).gid;
        throw new Error('no');
      })
      .catch(() => undefined);
    await reached(committed.gid, 'succeeded');
    await reached(rolledBack, 'rolledBack');
    expect(recording().trace(committed.gid)).toEqual(['ping#1', 'write-effect#1']);
    expect(recording().of(rolledBack)).toEqual([]);
    expect(await dataSource.getRepository(Effect).count()).toBe(1);
  });

  it('keeps all of the audit in one place', async () => {
    await start();
    const operations = application!.get(SteppingOperations);
    await operations.pause('ping', { reason: 'the provider is away', by: 'ada' });
    await operations.resume('ping', { by: 'grace' });
    const { gid } = await application!
      .get(DistributedJobFactory)
      .createJob({ delay: '1h' })
      .addStep(Ping)
      .start();
    await admin().cancel(gid, { by: 'ada' });
    const { entries } = await admin().audit();
    expect(entries.map(({ action, step, by }) => [action, step, by])).toEqual([
      ['cancel', 'ping', 'ada'],
      ['resume', 'ping', 'grace'],
      ['pause', 'ping', 'ada'],
    ]);
  });
});
