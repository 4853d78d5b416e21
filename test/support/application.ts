import 'reflect-metadata';
import type { INestApplicationContext, LoggerService, ModuleMetadata, Provider } from '@nestjs/common';
import { Test, type TestingModule, type TestingModuleBuilder } from '@nestjs/testing';
import { DataSource } from 'typeorm';
import {
  DistributedJobFactory,
  DistributedJobs,
  selfTm,
  SteppingModule,
  type CreateJobOptions,
  type DistributedJob,
  type JobInfo,
  type SelfTmOptions,
  type SteppingModuleOptions,
} from '../../lib/index.js';
import type { DtmOptions } from '../../lib/tm/dtm/index.js';
import { codecOption } from './codec.js';
import type { ExtraOptions, TestDatabase } from './database.js';
import { Effect, Order } from './order.entity.js';
import type { Databases } from './placements.js';
import { Recording } from './recording.js';
import { ReserveStock, SendEmail, stepClasses } from './steps.js';
import { waitFor } from './wait-for.js';

export interface ApplicationOptions {
  readonly selfTm?: SelfTmOptions;
  /** Laid over the settings of DTM, where the jobs are there. */
  readonly dtm?: Partial<DtmOptions>;
  readonly module?: Omit<SteppingModuleOptions, 'transactionManager'>;
  readonly providers?: readonly Provider[];
  readonly imports?: ModuleMetadata['imports'];
  readonly dataSource?: ExtraOptions;
  /** Adds to the testing module before it is compiled. */
  readonly customize?: (builder: TestingModuleBuilder) => TestingModuleBuilder;
}

/** Fast; but no lease expires, so that a job is taken over only when it was handed back. */
const FAST: SelfTmOptions = {
  recoveryInterval: 50,
  leaseDuration: '1h',
  queryPreparedAfter: 300,
  gracePeriod: 2000,
};

/** A Nest application as users build it, on databases of its own. */
export class TestApplication {
  readonly context: INestApplicationContext;
  readonly dataSource: DataSource;
  readonly recording: Recording;
  readonly jobs: DistributedJobFactory;
  readonly admin: DistributedJobs;

  protected constructor(
    { context, dataSource, recording }: StartedApplication,
    /** Whether a DTM server keeps the jobs, and so decides when something is tried again. */
    readonly atDtm: boolean,
  ) {
    this.context = context;
    this.dataSource = dataSource;
    this.recording = recording;
    this.jobs = context.get(DistributedJobFactory);
    this.admin = context.get(DistributedJobs);
  }

  static async start(
    databases: Databases,
    { module, providers = [], imports, customize, ...options }: ApplicationOptions = {},
  ): Promise<TestApplication> {
    const two = databases.placement === 'two';
    const dataSource = await connect(databases.business, { name: 'default', ...options.dataSource });
    const others = two
      ? [await connect(databases.store, { name: 'jobs', entities: [], synchronize: false })]
      : [];
    const place = await databases.dtmPlace();
    const store = two ? { dataSource: 'jobs' } : {};
    const transactionManager =
      place?.strategy(options.dtm) ?? selfTm({ ...FAST, ...store, ...options.selfTm });
    const started = await startApplication({
      dataSource,
      others,
      // Most tests are about one job, and start it on its own. The default has tests of its own.
      module: { requireTransaction: false, ...codecOption(), ...module, transactionManager },
      providers,
      imports,
      customize,
      listen: place && ((testing) => place.listen(testing)),
    });
    return new TestApplication(started, place !== undefined);
  }

  async close(): Promise<void> {
    await this.context.close();
  }

  /** A job of two steps. */
  job(options?: CreateJobOptions): DistributedJob {
    return this.jobs
      .createJob(options)
      .addStep(ReserveStock, { orderId: 'o' })
      .addStep(SendEmail, { orderId: 'o' });
  }

  /** Waits until the job has ended, and returns it. */
  async ended(gid: string): Promise<JobInfo> {
    return waitFor(
      async () => {
        const job = await this.admin.find(gid);
        return job?.endedAt ? job : undefined;
      },
      { message: async () => ({ notEnded: await this.admin.find(gid) }) },
    );
  }

  /** What `find()` tells of a succeeded step that took so many attempts: DTM counts none. */
  attempts(count: number): number {
    return this.atDtm ? 1 : count;
  }

  async count(entity: typeof Order | typeof Effect): Promise<number> {
    return this.dataSource.getRepository(entity).count();
  }
}

export interface ApplicationParts {
  readonly dataSource: DataSource;
  readonly others?: readonly DataSource[];
  readonly module: SteppingModuleOptions;
  readonly providers: readonly Provider[];
  readonly imports?: ModuleMetadata['imports'];
  /** Default: that of Nest's tests, which prints errors. */
  readonly logger?: LoggerService;
  readonly customize?: ApplicationOptions['customize'];
  /** Default: no server. */
  readonly listen?: ((testing: TestingModule) => Promise<INestApplicationContext>) | undefined;
}

export interface StartedApplication {
  readonly context: INestApplicationContext;
  readonly dataSource: DataSource;
  readonly recording: Recording;
}

/** Starts an application with the steps of the tests; when it is closed, so are its `DataSource`s. */
export async function startApplication(parts: ApplicationParts): Promise<StartedApplication> {
  const { dataSource, others = [], module, providers, imports = [], logger, customize, listen } = parts;
  const recording = new Recording();
  const sources = [dataSource, ...others];
  const builder = Test.createTestingModule({
    imports: [SteppingModule.forRoot(module), ...imports],
    providers: [
      ...sources.map((source, at) => ({ provide: at === 0 ? DataSource : `source-${at}`, useValue: source })),
      { provide: Closing, useValue: new Closing(sources) },
      { provide: Recording, useValue: recording },
      ...stepClasses,
      ...providers,
    ],
  });
  if (logger) builder.setLogger(logger);
  const testing = await (customize?.(builder) ?? builder).compile();
  const context = listen ? await listen(testing) : await testing.init();
  return { context, dataSource, recording };
}

/** Closes the pools as `@nestjs/typeorm` does, after everything else. */
class Closing {
  constructor(private readonly dataSources: readonly DataSource[]) {}
  async onApplicationShutdown(): Promise<void> {
    for (const dataSource of this.dataSources) if (dataSource.isInitialized) await dataSource.destroy();
  }
}

export async function connect(database: TestDatabase, extra: ExtraOptions = {}): Promise<DataSource> {
  return new DataSource(
    database.dataSourceOptions({ entities: [Order, Effect], synchronize: true, ...extra }),
  ).initialize();
}
