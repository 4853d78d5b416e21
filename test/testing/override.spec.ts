import { Module, type DynamicModule } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { dtm, dtmJob } from 'nestjs-stepping/dtm';
import { SteppingTesting, TestingUsageError } from 'nestjs-stepping/testing';
import { DataSource } from 'typeorm';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  DistributedJobFactory,
  selfTm,
  SteppingModule,
  TransactionRequiredError,
  type TransactionManagerStrategy,
} from '../../lib/index.js';
import { connect } from '../support/application.js';
import { Recording } from '../support/recording.js';
import { Ping, stepClasses } from '../support/steps.js';
import { createDatabase, type TestDatabase } from '../support/database.js';

@Module({})
class Deep {
  static with(stepping: DynamicModule): DynamicModule {
    return { module: Deep, imports: [stepping] };
  }
}

describe('override()', () => {
  const modules: TestingModule[] = [];
  const databases: TestDatabase[] = [];
  const sources: DataSource[] = [];
  const stepping = new SteppingTesting();

  const start = async (
    module: DynamicModule,
    { testing = stepping, data = [] }: { testing?: SteppingTesting; data?: DataSource[] } = {},
  ): Promise<DistributedJobFactory> => {
    const builder = Test.createTestingModule({
      imports: [Deep.with(module)],
      providers: [
        Recording,
        ...stepClasses,
        ...data.map((value, index) => ({ provide: `source-${index}`, useValue: value })),
      ],
    });
    const compiled = await testing
      .override(builder)
      .setLogger(false as never)
      .compile();
    modules.push(compiled);
    await compiled.init();
    return compiled.get(DistributedJobFactory);
  };
  const database = async (name: string): Promise<DataSource> => {
    const created = await createDatabase('sqlite');
    databases.push(created);
    const source = await connect(created, { name });
    sources.push(source);
    return source;
  };

  afterEach(async () => {
    for (const module of modules.splice(0)) await module.close();
    for (const source of sources.splice(0)) if (source.isInitialized) await source.destroy();
    for (const created of databases.splice(0)) await created.drop();
  });

  const server = { server: 'http://127.0.0.1:1/api/dtmsvr', callback: 'http://127.0.0.1:1' };
  const strategies: [name: string, strategy: TransactionManagerStrategy | undefined][] = [
    ['nothing', undefined],
    ['selfTm()', selfTm({ concurrency: 1, recoveryInterval: 10 })],
    ['selfTm() with a factory', selfTm({ useFactory: async () => ({ store: 'typeorm' }) })],
    ['selfTm() of a process that runs no steps', selfTm({ runSteps: false })],
    ['dtm()', dtm(server)],
  ];

  it.each(strategies)('takes the place of %s', async (_name, transactionManager) => {
    for (const module of [
      SteppingModule.forRoot({ ...(transactionManager && { transactionManager }) }),
      SteppingModule.forRootAsync({
        useFactory: async () => ({ retry: { delay: '1m' } }),
        ...(transactionManager && { transactionManager }),
      }),
    ]) {
      const jobs = await start(module);
      await jobs.createJob({ transaction: 'none' }).addStep(Ping).start();
      expect((await stepping.drain()).ran).toMatchObject([{ step: 'ping', outcome: 'succeeded' }]);
      expect(await stepping.jobs()).toHaveLength(1);
    }
  });

  it('lets settings of a job that are meant for DTM be', async () => {
    const jobs = await start(SteppingModule.forRoot({ transactionManager: dtm(server) }));
    await jobs
      .createJob({ transaction: 'none', manager: dtmJob({ retryInterval: '5s' }) })
      .addStep(Ping)
      .start();
    expect((await stepping.drain()).ran).toHaveLength(1);
  });

  it('keeps the settings of the module', async () => {
    const jobs = await start(SteppingModule.forRoot({ requireTransaction: true }));
    await expect(jobs.createJob().addStep(Ping).start()).rejects.toThrow(TransactionRequiredError);
  });

  it('keeps jobs in the DataSource that the application names', async () => {
    const [business, store] = [await database('default'), await database('jobs')];
    const testing = new SteppingTesting({ store: 'typeorm' });
    const module = SteppingModule.forRoot({
      autoMigrate: false,
      transactionManager: selfTm({ dataSource: 'jobs' }),
    });
    const jobs = await start(module, { testing, data: [business, store] });
    await business.transaction(() => jobs.createJob().addStep(Ping).start());
    expect((await testing.drain()).ran).toHaveLength(1);
    expect(await store.query('SELECT status FROM stepping_jobs')).toEqual([{ status: 'succeeded' }]);
  });

  it('keeps jobs in the first of several stores', async () => {
    const [one, other] = [await database('shard-a'), await database('shard-b')];
    const transactionManager = selfTm({ dataSource: ['shard-a', 'shard-b'] });
    for (const testing of [new SteppingTesting({ store: 'typeorm' }), stepping]) {
      const module = SteppingModule.forRoot({ transactionManager });
      const jobs = await start(module, { testing, data: [one, other] });
      for (const source of [one, other])
        await source.transaction(() => jobs.createJob().addStep(Ping).start());
      expect((await testing.drain()).ran).toHaveLength(2);
    }
    expect(await one.query('SELECT status FROM stepping_jobs')).toHaveLength(2);
    expect(await other.query('SELECT gid FROM stepping_barrier')).toHaveLength(2);
  });

  it('opens a DataSource that the application initializes later with the first job', async () => {
    const created = await createDatabase('sqlite');
    databases.push(created);
    const source = new DataSource(created.dataSourceOptions());
    sources.push(source);
    const testing = new SteppingTesting({ store: 'typeorm' });
    const jobs = await start(SteppingModule.forRoot(), { testing, data: [source] });
    await source.initialize();
    await jobs.createJob({ transaction: 'none' }).addStep(Ping).start();
    expect((await testing.drain()).ran).toHaveLength(1);
  });

  it('says so when there is no SteppingModule, and when the application has been closed', async () => {
    const alone = new SteppingTesting();
    await alone.override(Test.createTestingModule({})).compile();
    await expect(alone.drain()).rejects.toThrow(TestingUsageError);
    await start(SteppingModule.forRoot());
    await modules.at(-1)!.close();
    await expect(stepping.drain()).rejects.toThrow(TestingUsageError);
  });

  it('goes with a Date that the test has set', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: new Date('2040-01-01') });
    try {
      const jobs = await start(SteppingModule.forRoot());
      await jobs.createJob({ delay: '1h' }).addStep(Ping).start();
      expect((await stepping.advance('59m')).ran).toEqual([]);
      expect((await stepping.advance('1m')).ran).toHaveLength(1);
    } finally {
      vi.useRealTimers();
    }
  });

  it('leaves no interval and no hook behind, after a crash neither', async () => {
    const [set, clear] = [globalThis.setInterval, globalThis.clearInterval];
    const live = new Set<unknown>();
    vi.stubGlobal('setInterval', (...args: Parameters<typeof set>) => {
      const timer = set(...args);
      live.add(timer);
      return timer;
    });
    vi.stubGlobal('clearInterval', (timer: Parameters<typeof clear>[0]) => {
      live.delete(timer);
      clear(timer);
    });
    try {
      const jobs = await start(SteppingModule.forRoot());
      await jobs.createJob().addStep(Ping).start();
      stepping.failNext(Ping);
      await stepping.drain();
      expect(live.size).toBe(0);
      stepping.crashAt('step:executed');
      expect((await stepping.advance('1m')).crashedAt).toBe('step:executed');
      expect(live.size).toBe(0);
    } finally {
      vi.unstubAllGlobals();
    }
    const hook = (): unknown =>
      (globalThis as Record<symbol, unknown>)[Symbol.for('nestjs-stepping.fault-point')];
    stepping.crashAt('job:started');
    expect(hook()).toBeTypeOf('function');
    await modules.at(-1)!.close();
    expect(hook()).toBeUndefined();
  });
});
