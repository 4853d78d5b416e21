import 'reflect-metadata';
import type { INestApplicationContext, Provider } from '@nestjs/common';
import { Test, type TestingModuleBuilder } from '@nestjs/testing';
import { DataSource } from 'typeorm';
import { describe, it } from 'vitest';
import {
  DistributedJobFactory,
  DistributedJobs,
  selfTm,
  SteppingModule,
  type JobInfo,
  type SelfTmOptions,
  type SteppingModuleOptions,
} from '../../lib/index.js';
import type { DtmOptions } from '../../lib/tm/dtm/index.js';
import {
  createDatabase,
  describeBackends,
  type Backend,
  type ExtraOptions,
  type TestDatabase,
} from './database.js';
import { dtmSkipReason, startDtmServer, type DtmServer } from './dtm/dtm-server.js';
import { waitFor } from './wait-for.js';
import { DtmPlace } from './dtm/dtm-place.js';
import { LoadBalancer } from './load-balancer.js';
import { Effect, Order } from './order.entity.js';
import { Recording } from './recording.js';
import { stepClasses } from './steps.js';

/**
 * Where the jobs of a test are stored: in the database of its transactions (`one`, the one-statement path), in
 * another one (`two`, the two-phase message), or at a DTM server. All must pass the same tests.
 */
export type Placement = 'one' | 'two' | 'dtm-http' | 'dtm-grpc';

const PLACES: Readonly<Record<Placement, string>> = {
  one: 'jobs in the same database',
  two: 'jobs in another database',
  'dtm-http': 'jobs at DTM over HTTP',
  'dtm-grpc': 'jobs at DTM over gRPC',
};

/** The databases of a test. */
export class Databases {
  private constructor(
    readonly backend: Backend,
    readonly placement: Placement,
    readonly business: TestDatabase,
    /** Of the jobs; the business database where they are at DTM. */
    readonly store: TestDatabase,
    readonly dtm: DtmServer | undefined,
    /** Where DTM finds the processes of the application. */
    private readonly balancer: LoadBalancer | undefined,
  ) {}

  static async create(backend: Backend, placement: Placement): Promise<Databases> {
    const business = await createDatabase(backend);
    const store = placement === 'two' ? await createDatabase(backend) : business;
    const atDtm = isAtDtm(placement);
    const dtm = atDtm ? await startDtmServer() : undefined;
    const balancer = atDtm ? await LoadBalancer.start() : undefined;
    return new Databases(backend, placement, business, store, dtm, balancer);
  }

  /** For one more process of the application, where DTM keeps the jobs. */
  async dtmPlace(): Promise<DtmPlace | undefined> {
    const { dtm, balancer, placement } = this;
    return dtm && balancer && DtmPlace.of(dtm, placement === 'dtm-grpc', balancer);
  }

  async drop(): Promise<void> {
    await this.business.drop();
    if (this.store !== this.business) await this.store.drop();
    await this.balancer?.stop();
    await this.dtm?.stop();
  }
}

export interface ApplicationOptions {
  readonly selfTm?: SelfTmOptions;
  /** Laid over the settings of DTM, where the jobs are there. */
  readonly dtm?: Partial<DtmOptions>;
  readonly module?: Omit<SteppingModuleOptions, 'transactionManager'>;
  readonly providers?: Provider[];
  readonly dataSource?: ExtraOptions;
  /** Adds to the testing module before it is compiled. */
  readonly customize?: (builder: TestingModuleBuilder) => TestingModuleBuilder;
}

/** Fast enough for tests, slow enough that nothing expires on a busy machine. */
const FAST: SelfTmOptions = {
  recoveryInterval: 50,
  leaseDuration: '10s',
  queryPreparedAfter: 300,
  gracePeriod: 2000,
};

/** A Nest application as users build it, on databases of its own. */
export class TestApplication {
  private constructor(
    readonly context: INestApplicationContext,
    readonly dataSource: DataSource,
    readonly recording: Recording,
    readonly jobs: DistributedJobFactory,
    readonly admin: DistributedJobs,
    /** Whether a DTM server keeps the jobs, and so decides when something is tried again. */
    readonly atDtm: boolean,
  ) {}

  static async start(databases: Databases, options: ApplicationOptions = {}): Promise<TestApplication> {
    const dataSource = await connect(databases.business, { name: 'default', ...options.dataSource });
    const sources: Provider[] = [{ provide: DataSource, useValue: dataSource }];
    if (databases.placement === 'two') {
      const jobs = await connect(databases.store, { name: 'jobs', entities: [], synchronize: false });
      sources.push(
        { provide: 'jobsDataSource', useValue: jobs },
        { provide: Closing, useValue: new Closing([dataSource, jobs]) },
      );
    } else sources.push({ provide: Closing, useValue: new Closing([dataSource]) });

    const recording = new Recording();
    const store = databases.placement === 'two' ? { dataSource: 'jobs' } : {};
    const place = await databases.dtmPlace();
    const builder = Test.createTestingModule({
      imports: [
        SteppingModule.forRoot({
          ...options.module,
          transactionManager:
            place?.strategy(options.dtm) ?? selfTm({ ...FAST, ...store, ...options.selfTm }),
        }),
      ],
      providers: [
        ...sources,
        { provide: Recording, useValue: recording },
        ...stepClasses,
        ...(options.providers ?? []),
      ],
    });
    const testing = await (options.customize?.(builder) ?? builder).setLogger(false as never).compile();
    const context = place ? await place.listen(testing) : await testing.init();
    return new TestApplication(
      context,
      dataSource,
      recording,
      testing.get(DistributedJobFactory),
      testing.get(DistributedJobs),
      place !== undefined,
    );
  }

  async close(): Promise<void> {
    await this.context.close();
  }

  /** Waits until the job has ended, and returns it. */
  async ended(gid: string, timeout = 10_000): Promise<JobInfo> {
    return waitFor(
      async () => {
        const job = await this.admin.find(gid);
        return job?.endedAt ? job : undefined;
      },
      { timeout, message: async () => ({ notEnded: await this.admin.find(gid) }) },
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

/** Closes the pools as `@nestjs/typeorm` does, after everything else. */
class Closing {
  constructor(private readonly dataSources: DataSource[]) {}
  async onApplicationShutdown(): Promise<void> {
    for (const dataSource of this.dataSources) if (dataSource.isInitialized) await dataSource.destroy();
  }
}

export async function connect(database: TestDatabase, extra: ExtraOptions = {}): Promise<DataSource> {
  return new DataSource(
    database.dataSourceOptions({ entities: [Order, Effect], synchronize: true, ...extra }),
  ).initialize();
}

type Suite = (backend: Backend, placement: Placement) => void;
type SelfPlacement = 'one' | 'two';

/** `describe` for every database and both places of the jobs of the self-TM. */
export function describePlacements(
  title: string,
  suite: Suite,
  only?: readonly Backend[],
  placements: readonly SelfPlacement[] = ['one', 'two'],
): void {
  for (const placement of placements) {
    describeBackends(`${title} (${PLACES[placement]})`, (backend) => suite(backend, placement), only);
  }
}

export interface ManagersOptions {
  /** Default: all three. */
  readonly only?: readonly Backend[];
  /** The databases beside jobs at DTM; fewer where the suite has little to do with the database. Default: `only`. */
  readonly atDtm?: readonly Backend[];
  /** The places of the jobs of the self-TM. Default: both. */
  readonly selfTm?: readonly SelfPlacement[];
}

/**
 * `describe` for every database and every transaction manager. Over gRPC on PostgreSQL only: the protocol has
 * nothing to do with the database.
 */
export function describeManagers(
  title: string,
  suite: Suite,
  { only = ['postgres', 'mariadb', 'sqlite'], atDtm = only, selfTm: placements }: ManagersOptions = {},
): void {
  describePlacements(title, suite, only, placements);
  describeAtDtm(title, suite, atDtm);
}

/** `describe` for jobs at DTM, over HTTP and, on PostgreSQL, over gRPC. */
export function describeAtDtm(title: string, suite: Suite, only: readonly Backend[]): void {
  const reason = dtmSkipReason('boltdb');
  for (const placement of ['dtm-http', 'dtm-grpc'] as const) {
    const name = `${title} (${PLACES[placement]})`;
    const backends = only.filter((backend) => placement === 'dtm-http' || backend === 'postgres');
    if (backends.length === 0) continue;
    if (reason) describe.skip(`${name} (skipped: ${reason})`, () => it('runs', () => undefined));
    else describeBackends(name, (backend) => suite(backend, placement), backends);
  }
}

/** Whether the jobs of a placement are at a DTM server. */
export function isAtDtm(placement: Placement): boolean {
  return placement === 'dtm-http' || placement === 'dtm-grpc';
}
