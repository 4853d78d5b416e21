import type { INestApplicationContext, Provider } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { DataSource, type QueryRunner } from 'typeorm';
import {
  DistributedJobFactory,
  DistributedJobs,
  SteppingModule,
  type CreateJobOptions,
  type DistributedJob,
  type StepContext,
  type SteppingModuleOptions,
} from '../../../lib/index.js';
import { dtm, type DtmOptions } from '../../../lib/tm/dtm/index.js';
import { Effect, Order } from '../order.entity.js';
import { Recording, type Execution } from '../recording.js';
import { ReserveStock, SendEmail, stepClasses } from '../steps.js';
import type { ExtraOptions, TestDatabase } from '../database.js';
import { logger } from '../log-lines.js';

type Behaviour = (execution: Execution, context: StepContext) => unknown;
type Isolation = Parameters<QueryRunner['startTransaction']>[0];

export const SECRET = 'a secret of the tests';

/** The addresses that an application is given. */
export type Addresses = Pick<DtmOptions, 'protocol' | 'server' | 'callback' | 'httpApi'>;

export interface InteropOptions {
  /** Laid over settings that are fast, and sign the callbacks. */
  readonly dtm?: Partial<DtmOptions>;
  /** Default: one. None: callbacks are not signed. */
  readonly secrets?: readonly string[];
  readonly module?: Omit<SteppingModuleOptions, 'transactionManager'>;
  readonly providers?: readonly Provider[];
  readonly dataSource?: ExtraOptions;
}

/** A Nest application whose jobs are at a DTM server; jobs that run at once are told apart by their gids. */
export class InteropApplication {
  /** When the steps of a job began, in milliseconds on the clock of `performance`. */
  private readonly begun = new Map<string, number[]>();
  private readonly behaviours = new Map<string, Behaviour>();

  private constructor(
    readonly context: INestApplicationContext,
    readonly dataSource: DataSource,
    readonly recording: Recording,
    readonly jobs: DistributedJobFactory,
    readonly admin: DistributedJobs,
  ) {
    recording.onExecute = (execution, context_) => {
      const { gid } = execution;
      this.begun.set(gid, [...this.moments(gid), performance.now()]);
      return this.behaviours.get(gid)?.(execution, context_);
    };
  }

  static async start(
    addresses: Addresses,
    /** Where it really listens. */
    port: number,
    database: TestDatabase,
    { dtm: settings, secrets = [SECRET], module, providers = [], dataSource: extra }: InteropOptions,
  ): Promise<InteropApplication> {
    const grpc = addresses.protocol === 'grpc';
    const entities = [Order, Effect];
    const options = database.dataSourceOptions({ name: 'default', entities, synchronize: true, ...extra });
    const dataSource = await new DataSource(options).initialize();
    const recording = new Recording();
    const transactionManager = dtm({
      ...addresses,
      ...(grpc && { listen: `127.0.0.1:${port}` }),
      ...(secrets.length > 0 && { secrets }),
      // Equal, so that the query-back comes with the first look.
      queryPreparedAfter: '1s',
      retryInterval: '1s',
      gracePeriod: '2s',
      ...settings,
    });
    const testing = await Test.createTestingModule({
      imports: [SteppingModule.forRoot({ ...module, transactionManager })],
      providers: [
        { provide: DataSource, useValue: dataSource },
        { provide: Recording, useValue: recording },
        ...stepClasses,
        ...providers,
      ],
    })
      .setLogger(logger)
      .compile();
    // Node does not count a connection as idle on which no request has come yet, and would wait for it at the end.
    const context = testing.createNestApplication({ forceCloseConnections: true });
    if (grpc) await context.init();
    else await context.listen(port, '127.0.0.1');
    const [jobs, admin] = [testing.get(DistributedJobFactory), testing.get(DistributedJobs)];
    return new InteropApplication(context, dataSource, recording, jobs, admin);
  }

  async close(): Promise<void> {
    await this.context.close();
    await this.dataSource.destroy();
  }

  moments(gid: string): readonly number[] {
    return this.begun.get(gid) ?? [];
  }

  /** What the steps of a job do. */
  behave(gid: string, behaviour: Behaviour): void {
    this.behaviours.set(gid, behaviour);
  }

  /** A job of two steps. */
  job(options?: CreateJobOptions): DistributedJob {
    return this.jobs
      .createJob(options)
      .addStep(ReserveStock, { orderId: 'o' })
      .addStep(SendEmail, { orderId: 'o' });
  }

  /** Starts a job beside an order, in a transaction of the caller's choice of ending. */
  async order(job: DistributedJob, fail?: Error): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      await manager.insert(Order, { id: job.gid });
      await job.start();
      if (fail) throw fail;
    });
  }

  /** A transaction whose end the test decides, and the library does not see: nobody but DTM settles its job. */
  async begin(isolation?: Isolation): Promise<QueryRunner> {
    const runner = this.dataSource.createQueryRunner();
    await runner.connect();
    await runner.startTransaction(isolation);
    return runner;
  }

  /** A job that was prepared and never submitted, beside an order. */
  async prepared(end: 'commit' | 'rollback', options?: CreateJobOptions): Promise<DistributedJob> {
    const runner = await this.begin();
    const job = this.job({ ...options, transaction: runner });
    await runner.manager.insert(Order, { id: job.gid });
    await job.prepare();
    await (end === 'commit' ? runner.commitTransaction() : runner.rollbackTransaction());
    await runner.release();
    return job;
  }

  async hasOrder(gid: string): Promise<boolean> {
    return this.dataSource.getRepository(Order).existsBy({ id: gid });
  }
}
