import { randomUUID } from 'node:crypto';
import { DataSource, type QueryRunner } from 'typeorm';
import type { InternalConnection } from '../../lib/store/connections/internal.connection.js';
import { dialectFor, jobStoreFor } from '../../lib/store/databases.js';
import type { Dialect } from '../../lib/store/dialect.js';
import type { TableOptions } from '../../lib/store/table-names.js';
import { serialGateOf, type SerialGate } from '../../lib/store/connections/serial-gate.js';
import type { DataSourceLike, QueryRunnerLike } from '../../lib/core/transactions/typeorm.types.js';
import type { JobChange, JobStore, NewJob } from '../../lib/store/job-store.js';
import type { SqlJobStore } from '../../lib/store/sql.job-store.js';
import type { ExtraOptions, TestDatabase } from '../support/database.js';

/** One `DataSource` of a test database, with the library's parts on it. */
export interface OpenDataSource {
  readonly dataSource: DataSource;
  readonly dialect: Dialect;
  readonly connection: InternalConnection;
  readonly gate: SerialGate;
  readonly store: SqlJobStore;
  close(): Promise<void>;
}

/** Opens a `DataSource`; its store is not initialized yet. */
export async function openDataSource(
  database: TestDatabase,
  { extra = {}, tables, insideHolder = () => false }: OpenOptions = {},
): Promise<OpenDataSource> {
  const dataSource = await new DataSource(database.dataSourceOptions(extra)).initialize();
  const like = dataSource as unknown as DataSourceLike;
  const dialect = dialectFor(like, tables);
  const connection = dialect.connect({ insideHolder });
  return {
    dataSource,
    dialect,
    connection,
    gate: serialGateOf(like),
    store: jobStoreFor(dialect, connection),
    close: () => dataSource.destroy(),
  };
}

export interface OpenOptions {
  readonly extra?: ExtraOptions;
  readonly tables?: TableOptions;
  readonly insideHolder?: () => boolean;
}

/** The same, with the tables made. */
export async function openStore(database: TestDatabase, options?: OpenOptions): Promise<OpenDataSource> {
  const open = await openDataSource(database, options);
  await open.store.initialize(true);
  return open;
}

/** Runs `work` in a transaction on a query runner, which is rolled back unless `work` has ended it. */
export async function onRunner<T>(
  dataSource: DataSource,
  work: (runner: QueryRunner & QueryRunnerLike) => Promise<T>,
  isolation?: Parameters<QueryRunner['startTransaction']>[0],
): Promise<T> {
  const runner = dataSource.createQueryRunner() as QueryRunner & QueryRunnerLike;
  await runner.connect();
  await runner.startTransaction(isolation);
  try {
    return await work(runner);
  } finally {
    if (runner.isTransactionActive) await runner.rollbackTransaction();
    await runner.release();
  }
}

/** A job as most tests need it: submitted, unowned, due a second ago, of one step `first`. */
export function newJob(values: Partial<NewJob> = {}): NewJob {
  return {
    gid: randomUUID(),
    name: null,
    status: 'submitted',
    steps: '[{"step":"first"}]',
    stepName: 'first',
    owner: null,
    dueIn: -1000,
    lookup: null,
    ...values,
  };
}

/** The success of the only step. */
export function success(gid: string, owner: string, values: Partial<JobChange> = {}): JobChange {
  return {
    gid,
    owner,
    atStep: 0,
    status: 'succeeded',
    stepIndex: 1,
    stepName: null,
    attempts: 0,
    mark: null,
    crashes: null,
    attemptLog: null,
    error: null,
    due: null,
    release: false,
    ...values,
  };
}

/** The end of a job as a process writes it nearly always: at the first attempt of the last step, which stays current. */
export function end(gid: string, owner: string, values: Partial<JobChange> = {}): JobChange {
  return success(gid, owner, { stepIndex: 0, stepName: 'first', ...values });
}

/** The success of a step that is followed by another one: the lease goes on. */
export function progress(gid: string, owner: string, values: Partial<JobChange> = {}): JobChange {
  return success(gid, owner, { status: 'submitted', stepName: 'second', due: 'keep', ...values });
}

/** Claims everything that is due and of step `first`. */
export function claimAll(store: JobStore, owner: string, steps: readonly string[] = ['first', 'second']) {
  return store.claim({ owner, limit: 1000, leaseDuration: 30_000, steps });
}
