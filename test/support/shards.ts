import type { Provider } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import {
  SteppingOperations,
  selfTm,
  type CreateJobOptions,
  type SelfTmOptions,
  type SteppingModuleOptions,
} from '../../lib/index.js';
import { connect, startApplication, TestApplication, type StartedApplication } from './application.js';
import { createDatabase, type Backend, type ExtraOptions, type TestDatabase } from './database.js';
import { Order } from './order.entity.js';
import { Ping } from './steps.js';

export interface ShardsOptions {
  readonly selfTm?: SelfTmOptions;
  readonly module?: Omit<SteppingModuleOptions, 'transactionManager'>;
  readonly providers?: readonly Provider[];
  /** Default: the names of the databases. */
  readonly stores?: readonly string[];
  /** A further `DataSource`, which keeps no jobs. */
  readonly beside?: DataSource;
  /** Laid over the options of the `DataSource` of that name. */
  readonly dataSource?: (name: string) => ExtraOptions;
  /** By name: those that the test connects, or does not. */
  readonly late?: Readonly<Record<string, DataSource>>;
}

/** The databases of shards, by the names of their `DataSource`s. */
export class ShardDatabases {
  private constructor(private readonly byName: ReadonlyMap<string, TestDatabase>) {}

  static async create(backend: Backend, names: readonly string[]): Promise<ShardDatabases> {
    const databases = new Map<string, TestDatabase>();
    for (const name of names) databases.set(name, await createDatabase(backend));
    return new ShardDatabases(databases);
  }

  get names(): readonly string[] {
    return [...this.byName.keys()];
  }

  of(name: string): TestDatabase {
    return this.byName.get(name)!;
  }

  /** The stores that have a job of this gid. */
  async keeping(gid: string): Promise<string[]> {
    const found: string[] = [];
    for (const [name, database] of this.byName) {
      const rows = await database.query(`SELECT gid FROM stepping_jobs WHERE gid = '${gid}'`);
      if (rows.length > 0) found.push(name);
    }
    return found;
  }

  async drop(): Promise<void> {
    for (const database of this.byName.values()) await database.drop();
  }
}

/** An application whose jobs are kept in several databases. */
export class ShardedApplication extends TestApplication {
  private constructor(
    started: StartedApplication,
    private readonly sources: ReadonlyMap<string, DataSource>,
  ) {
    super(started, false);
  }

  static async open(databases: ShardDatabases, options: ShardsOptions = {}): Promise<ShardedApplication> {
    const sources = new Map<string, DataSource>();
    for (const name of databases.names) {
      const extra = { name, ...options.dataSource?.(name) };
      sources.set(name, options.late?.[name] ?? (await connect(databases.of(name), extra)));
    }
    const [dataSource, ...others] = sources.values();
    const transactionManager = selfTm({
      ...{ recoveryInterval: 50, leaseDuration: '1h', queryPreparedAfter: 300, gracePeriod: 2000 },
      ...options.selfTm,
      dataSource: options.stores ?? databases.names,
    });
    const starting = startApplication({
      dataSource: dataSource!,
      others: options.beside ? [...others, options.beside] : others,
      module: { ...options.module, transactionManager },
      providers: options.providers ?? [],
    });
    const started = await starting.catch(async (error: unknown) => {
      for (const source of sources.values()) if (source.isInitialized) await source.destroy();
      throw error;
    });
    return new ShardedApplication(started, sources);
  }

  get operations(): SteppingOperations {
    return this.context.get(SteppingOperations);
  }

  of(name: string): DataSource {
    return this.sources.get(name)!;
  }

  /** Starts a job of one step, beside an order in that database. */
  async ping(name: string, options?: CreateJobOptions): Promise<string> {
    return this.of(name).transaction(async (manager) => {
      const job = this.jobs.createJob(options).addStep(Ping);
      await manager.insert(Order, { id: job.gid });
      await job.start();
      return job.gid;
    });
  }
}
