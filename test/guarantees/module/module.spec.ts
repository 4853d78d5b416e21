import { Injectable, Module, type DynamicModule, type Provider } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { DataSource } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  DistributedJobFactory,
  DistributedJobs,
  InvalidOptionError,
  SchemaOutdatedError,
  selfTm,
  SteppingModule,
  TransactionManager,
  UnsupportedDatabaseError,
  type JobMessage,
  type PreparedJob,
  type SteppingOptions,
  type SteppingOptionsFactory,
} from '../../../lib/index.js';
import { connect } from '../../support/application.js';
import { Recording } from '../../support/recording.js';
import { Limited, Ping, stepClasses } from '../../support/steps.js';
import { createDatabase, describeBackends, type TestDatabase } from '../../support/database.js';
import { waitFor } from '../../support/wait-for.js';

let application: TestingModule | undefined;

async function start(
  stepping: DynamicModule,
  extra: { imports?: any[]; providers?: Provider[] } = {},
): Promise<TestingModule> {
  application = await Test.createTestingModule({
    imports: [stepping, ...(extra.imports ?? [])],
    providers: [Recording, ...stepClasses, ...(extra.providers ?? [])],
  }).compile();
  return application.init() as unknown as Promise<TestingModule>;
}
async function runs(app: TestingModule): Promise<void> {
  const { gid } = await app
    .get(DistributedJobFactory)
    .createJob({ transaction: 'none' })
    .addStep(Ping)
    .start();
  await waitFor(async () => (await app.get(DistributedJobs).find(gid))?.status === 'succeeded');
  expect(app.get(Recording).trace(gid)).toEqual(['ping#1']);
}
afterEach(async () => {
  await application?.close();
  application = undefined;
});

describe('settings from elsewhere', () => {
  const failed: string[] = [];
  const settings = (maxAttempts: number): SteppingOptions => ({
    retry: { delay: 1, maxAttempts },
    onJobFailed: (job) => void failed.push(job.gid),
  });

  @Injectable()
  class Configuration {
    readonly attempts = 2;
  }
  @Module({ providers: [Configuration], exports: [Configuration] })
  class ConfigurationModule {}
  @Injectable()
  class Factory implements SteppingOptionsFactory {
    constructor(private readonly configuration: Configuration) {}
    async createSteppingOptions(): Promise<SteppingOptions> {
      return settings(this.configuration.attempts);
    }
  }
  @Module({ imports: [ConfigurationModule], providers: [Factory], exports: [Factory] })
  class FactoryModule {}

  const transactionManager = selfTm({ store: 'memory' });
  const forms: Record<string, DynamicModule> = {
    useFactory: SteppingModule.forRootAsync({
      imports: [ConfigurationModule],
      inject: [Configuration],
      useFactory: async ({ attempts }: Configuration) => settings(attempts),
      transactionManager,
    }),
    useClass: SteppingModule.forRootAsync({
      imports: [ConfigurationModule],
      useClass: Factory,
      transactionManager,
    }),
    useExisting: SteppingModule.forRootAsync({
      imports: [FactoryModule],
      useExisting: Factory,
      transactionManager,
    }),
  };

  it.each(Object.keys(forms))('%s', async (form) => {
    const app = await start(forms[form]!);
    app.get(Recording).onExecute = () => {
      throw new Error('no');
    };
    const { gid } = await app
      .get(DistributedJobFactory)
      .createJob({ transaction: 'none' })
      .addStep(Ping)
      .start();
    await waitFor(() => failed.includes(gid));
    expect(app.get(Recording).trace(gid)).toEqual(['ping#1', 'ping#2']);
  });

  it('selfTm({ useFactory })', async () => {
    const strategy = selfTm({
      imports: [ConfigurationModule],
      inject: [Configuration],
      useFactory: async ({ attempts }: Configuration) => ({
        store: 'memory' as const,
        concurrency: attempts,
        recoveryInterval: 20,
      }),
    });
    await runs(await start(SteppingModule.forRoot({ transactionManager: strategy })));
  });

  it('are checked wherever they come from', async () => {
    expect(() => SteppingModule.forRootAsync({})).toThrow(InvalidOptionError);
    await expect(
      start(SteppingModule.forRootAsync({ useFactory: () => ({ autoMigrate: 'yes' as never }) })),
    ).rejects.toThrow(InvalidOptionError);
    const strategy = selfTm({ useFactory: () => ({ concurrency: -1 }) });
    await expect(start(SteppingModule.forRoot({ transactionManager: strategy }))).rejects.toThrow(
      InvalidOptionError,
    );
    for (const options of [
      { concurrency: -1 },
      { concurrency: 0 },
      { concurrency: 1.5 },
      { leaseDuration: 'soon' },
      { leaseDuration: 0 },
      { recoveryInterval: -1 },
      { recoveryInterval: Number.NaN },
      { retention: -5 },
      { store: 'redis' },
      { dataSource: '' },
      { runSteps: 'no' },
    ]) {
      expect(() => selfTm(options as never), JSON.stringify(options)).toThrow(InvalidOptionError);
    }
    for (const options of [
      { tables: { prefix: 'a"; DROP TABLE x; --' } },
      { tables: { schema: 'with space' } },
      { tables: { prefix: 'a-b' } },
      { retry: { maxAttempts: 0 } },
      { retry: { delay: 'later' } },
      { requireTransaction: 'maybe' },
      { onJobFailed: 'log' },
      { transactionmanager: transactionManager },
      { transactionManager: {} },
    ]) {
      expect(() => SteppingModule.forRoot(options as never), JSON.stringify(options)).toThrow(
        InvalidOptionError,
      );
    }
  });
});

describe('what the module gives', () => {
  @Injectable()
  class Orders {
    constructor(readonly jobs: DistributedJobFactory) {}
  }
  @Module({ providers: [Orders], exports: [Orders] })
  class OrdersModule {}
  const memory = { transactionManager: selfTm({ store: 'memory' as const }) };

  it('is there in every module', async () => {
    const app = await start(SteppingModule.forRoot(memory), { imports: [OrdersModule] });
    expect(app.get(Orders).jobs).toBe(app.get(DistributedJobFactory));
  });

  it('is there for importers only, with isGlobal: false', async () => {
    const stepping = SteppingModule.forRoot({ ...memory, isGlobal: false });
    await expect(start(stepping, { imports: [OrdersModule] })).rejects.toThrow(/DistributedJobFactory/);
    await runs(await start(stepping));
  });

  it('uses a transaction manager of the application', async () => {
    const submitted: JobMessage[] = [];
    class Remote extends TransactionManager {
      async prepare(): Promise<PreparedJob> {
        return { enlisted: false };
      }
      async submit(message: JobMessage): Promise<void> {
        submitted.push(message);
      }
      async abort(): Promise<void> {}
    }
    const strategy = {
      name: 'remote',
      providers: [
        { provide: TransactionManager, useClass: Remote },
        { provide: DistributedJobs, useValue: { find: () => null } },
      ],
    };
    const app = await start(SteppingModule.forRoot({ transactionManager: strategy }));
    const { gid } = await app
      .get(DistributedJobFactory)
      .createJob({ name: 'mine', delay: 5, transaction: 'none' })
      .addStep(Ping)
      .addStep(Limited)
      .start();
    expect(submitted).toMatchObject([
      { gid, name: 'mine', delay: 5, steps: [{ name: 'ping' }, { name: 'limited' }] },
    ]);
  });
});

describeBackends('the tables', (backend) => {
  let database: TestDatabase;
  let dataSource: DataSource;
  beforeEach(async () => {
    database = await createDatabase(backend);
    dataSource = await connect(database);
  });
  afterEach(async () => {
    await application?.close();
    application = undefined;
    await dataSource.destroy();
    await database.drop();
  });
  const providers = (): Provider[] => [{ provide: DataSource, useValue: dataSource }];

  it('are required where autoMigrate is off', async () => {
    await expect(
      start(SteppingModule.forRoot({ autoMigrate: false }), { providers: providers() }),
    ).rejects.toMatchObject({
      constructor: SchemaOutdatedError,
      message: expect.stringContaining('steppingMigrations'),
    });
    await expect(dataSource.query('SELECT * FROM stepping_jobs')).rejects.toThrow();
  });

  it('may have another prefix, and are made once', async () => {
    const options = { tables: { prefix: 'Work_' } };
    await runs(await start(SteppingModule.forRoot(options), { providers: providers() }));
    await application!.close();
    await runs(
      await start(SteppingModule.forRoot({ ...options, autoMigrate: false }), { providers: providers() }),
    );
  });
});

describe('a database that is not supported', () => {
  it('is a start-up error that names those that are', async () => {
    const oracle = {
      options: { type: 'oracle', name: 'default' },
      isInitialized: true,
      driver: {},
      manager: { transaction: () => undefined },
      createQueryRunner: () => undefined,
      createEntityManager: () => ({ transaction: () => undefined }),
    };
    await expect(
      start(SteppingModule.forRoot(), { providers: [{ provide: 'oracle', useValue: oracle }] }),
    ).rejects.toMatchObject({
      constructor: UnsupportedDatabaseError,
      message: expect.stringMatching(/oracle.*PostgreSQL/),
    });
  });
});

describeBackends('a DataSource that nobody initializes', (backend) => {
  it('is a start-up error that says so', async () => {
    const database = await createDatabase(backend);
    try {
      const source = new DataSource(database.dataSourceOptions());
      const starting = start(SteppingModule.forRoot(), {
        providers: [{ provide: DataSource, useValue: source }],
      });
      await expect(starting).rejects.toThrow(
        /DataSource 'default' could not be used: .*initialize it in onModuleInit/,
      );
    } finally {
      await application?.close().catch(() => undefined);
      application = undefined;
      await database.drop();
    }
  });
});
