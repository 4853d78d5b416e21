import type { Provider } from '@nestjs/common';
import type { QueryRunner } from 'typeorm';
import type {
  CreateJobOptions,
  DistributedJob,
  StepContext,
  SteppingModuleOptions,
} from '../../../lib/index.js';
import { dtm, type DtmOptions } from '../../../lib/tm/dtm/index.js';
import { connect, startApplication, TestApplication, type StartedApplication } from '../application.js';
import { codecOption } from '../codec.js';
import type { ExtraOptions, TestDatabase } from '../database.js';
import { logger } from '../log-lines.js';
import { Order } from '../order.entity.js';
import type { Execution } from '../recording.js';
import { FAST_DTM, listen, SECRET } from './dtm-place.js';

type Behaviour = (execution: Execution, context: StepContext) => unknown;
type Isolation = Parameters<QueryRunner['startTransaction']>[0];

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
export class InteropApplication extends TestApplication {
  /** When the steps of a job began, in milliseconds on the clock of `performance`. */
  private readonly begun = new Map<string, number[]>();
  private readonly behaviours = new Map<string, Behaviour>();

  private constructor(started: StartedApplication) {
    super(started, true);
    this.recording.onExecute = (execution, context) => {
      const { gid } = execution;
      this.begun.set(gid, [...this.moments(gid), performance.now()]);
      return this.behaviours.get(gid)?.(execution, context);
    };
  }

  static async open(
    addresses: Addresses,
    /** Where it really listens. */
    port: number,
    database: TestDatabase,
    { dtm: settings, secrets = [SECRET], module, providers = [], dataSource }: InteropOptions,
  ): Promise<InteropApplication> {
    const grpc = addresses.protocol === 'grpc';
    const { secrets: _, ...fast } = FAST_DTM;
    const transactionManager = dtm({
      ...addresses,
      ...(grpc && { listen: `127.0.0.1:${port}` }),
      ...fast,
      ...(secrets.length > 0 ? { secrets } : { allowUnsigned: true }),
      ...settings,
    });
    const started = await startApplication({
      dataSource: await connect(database, { name: 'default', ...dataSource }),
      module: { ...codecOption(), ...module, transactionManager },
      providers,
      logger,
      listen: (testing) => listen(testing, grpc, port),
    });
    return new InteropApplication(started);
  }

  moments(gid: string): readonly number[] {
    return this.begun.get(gid) ?? [];
  }

  /** What the steps of a job do. */
  behave(gid: string, behaviour: Behaviour): void {
    this.behaviours.set(gid, behaviour);
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
