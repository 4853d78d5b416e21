import { LineLogger } from '../core/line-logger.js';
import {
  isBarrierDatabase,
  type BarrierDatabase,
  type DatabaseLookup,
  type TransactionOutcome,
} from '../core/transactions/transaction-context.js';
import type { Barrier } from '../store/barrier.js';
import type { InboxStore } from '../store/inbox-store.js';
import { DataSourceRegistry } from './data-source.registry.js';
import type { InternalConnection } from '../store/connections/internal.connection.js';
import { DEFAULT_STATEMENT_TIMEOUT_MS } from '../store/dialect.js';
import { barrierFor, dialectFor, inboxFor, isSupported } from '../store/databases.js';
import { keepFromLog } from '../store/connections/statement-log.js';
import type { SerialGate } from '../store/connections/serial-gate.js';
import type { Dialect } from '../store/dialect.js';
import type { TableOptions } from '../store/table-names.js';
import { openFrame, runInFrame } from './ambient-transaction.js';
import { insideTransactionOf } from './surroundings.js';
import type { DataSourceLike, QueryRunnerLike } from '../core/transactions/typeorm.types.js';
import { detached } from '../core/detached.js';
import { within } from '../core/within.js';
import { errorText } from '../errors/error-text.js';
import { StatementTimeoutError, TransactionManagerUnavailableError } from '../errors/index.js';

/** How long a database is left alone where missing tables could not be created. */
const RESTORE_PAUSE_MS = 5_000;

/** How the library runs its own statements on a database. */
export interface DatabaseAccess {
  readonly dialect: Dialect;
  readonly connection: InternalConnection;
}

/** The databases whose transactions carry jobs, each with its barrier table. */
export class TypeOrmDatabases {
  private readonly logger = new LineLogger(TypeOrmDatabases.name);
  private readonly accesses = new Map<DataSourceLike, DatabaseAccess>();
  private readonly barriers = new Map<DataSourceLike, Promise<Barrier>>();
  private readonly inboxes = new Map<DataSourceLike, Promise<InboxStore>>();
  private statementTimeout: number | undefined;
  private readonly ready = new WeakSet<DataSourceLike>();
  /** By `performance.now()`: databases whose missing tables could not be created. */
  private readonly restorableAt = new Map<DataSourceLike, number>();
  private readonly tableOwners = new Map<DataSourceLike, (() => Promise<void>)[]>();

  constructor(
    readonly registry: DataSourceRegistry,
    private readonly tables: TableOptions,
    private readonly autoMigrate: boolean,
    /** Whether TypeORM's logger is told the library's own statements. */
    private readonly logStatements: boolean,
  ) {}

  /** Bounds the library's own statements, in milliseconds. */
  boundStatements(timeout: number): void {
    this.statementTimeout = timeout;
    for (const { dialect } of this.accesses.values()) dialect.statementTimeout = timeout;
  }

  /**
   * The dialect and the connection of a database.
   *
   * @throws UnsupportedDatabaseError.
   */
  access(dataSource: DataSourceLike): DatabaseAccess {
    let access = this.accesses.get(dataSource);
    if (!access) {
      const dialect = dialectFor(dataSource, this.tables);
      if (!this.logStatements) keepFromLog(dataSource);
      dialect.statementTimeout = this.statementTimeout ?? dialect.statementTimeout;
      const connection = dialect.connect({
        insideHolder: () => insideTransactionOf(dataSource),
      });
      this.accesses.set(dataSource, (access = { dialect, connection }));
    }
    return access;
  }

  /** The gate of a database whose transactions share one connection. A database that is not supported has none. */
  gateOf(dataSource: DataSourceLike): SerialGate | undefined {
    return isSupported(dataSource) ? this.access(dataSource).dialect.gate : undefined;
  }

  /** The barrier of a database. Its table is created, or checked, when the database is first used. */
  barrierOf(dataSource: DataSourceLike): Promise<Barrier> {
    return openOnce(this.barriers, dataSource, async () => {
      const barrier = await this.open(dataSource);
      this.ready.add(dataSource);
      return barrier;
    });
  }

  /** The inbox of a database, in the same way. */
  inboxOf(dataSource: DataSourceLike): Promise<InboxStore> {
    return openOnce(this.inboxes, dataSource, async () => {
      const { dialect, connection } = this.access(dataSource);
      const inbox = inboxFor(dialect, connection);
      await this.withTables(dataSource, () => inbox.initialize(this.autoMigrate));
      return inbox;
    });
  }

  /**
   * The barrier for the transaction that is open on `runner`. Where all share one connection, a database that is used for
   * the first time (a tenant's) is opened within that transaction. It is not remembered, since a rollback removes the
   * table.
   */
  barrierIn(dataSource: DataSourceLike, runner: QueryRunnerLike): Promise<Barrier> {
    const { gate } = this.access(dataSource).dialect;
    if (!gate || this.ready.has(dataSource)) return this.barrierOf(dataSource);
    return runInFrame(openFrame(dataSource, runner), () => this.open(dataSource));
  }

  /**
   * Opens every database of the application, so that no table has to be created while a transaction is open. A database
   * that cannot be opened (no rights, not supported) may never carry a job: it is logged, and refused when it does.
   */
  async openAll(): Promise<void> {
    for (const dataSource of this.registry.all) {
      if (!dataSource.isInitialized) continue;
      try {
        await this.barrierOf(dataSource);
      } catch (error) {
        const name = this.registry.nameOf(dataSource);
        this.logger.warn(
          `Jobs cannot be started in transactions of the DataSource '${name}': ${errorText(error)}`,
        );
      }
    }
  }

  /** Creates or checks tables of a database with `initialize`, now and whenever they may be gone. */
  async withTables(dataSource: DataSourceLike, initialize: () => Promise<void>): Promise<void> {
    await initialize();
    this.tableOwners.set(dataSource, [...(this.tableOwners.get(dataSource) ?? []), initialize]);
  }

  /** Whether tables were found missing that are to be looked for now. */
  get tablesLost(): boolean {
    const now = performance.now();
    for (const [dataSource, { dialect }] of this.accesses)
      if (dialect.tablesLost && now >= (this.restorableAt.get(dataSource) ?? -Infinity)) return true;
    return false;
  }

  /**
   * Creates the tables again that were found missing. A database where that is not possible keeps nobody waiting: it is logged, and
   * tried again beside later calls, after a pause.
   */
  async restoreTables(): Promise<void> {
    const now = performance.now();
    const first: Promise<void>[] = [];
    for (const [dataSource, { dialect }] of this.accesses) {
      if (!dialect.tablesLost || now < (this.restorableAt.get(dataSource) ?? -Infinity)) continue;
      const isFirst = !this.restorableAt.has(dataSource);
      this.restorableAt.set(dataSource, Infinity);
      // On a connection that all share, it is done within the transaction of the caller, who waits.
      if (isFirst) first.push(this.restoreOrTell(dataSource, true));
      else void detached(() => this.restoreOrTell(dataSource, false));
    }
    await Promise.all(first);
  }

  /** Creates the tables of a database again whose tables were all dropped. */
  async restoreAllOf(dataSource: DataSourceLike): Promise<void> {
    const { dialect } = this.access(dataSource);
    dialect.tablesLost = true;
    for (const initialize of this.tableOwners.get(dataSource) ?? []) await initialize();
    dialect.tablesLost = false;
    this.restorableAt.delete(dataSource);
  }

  private async restoreOrTell(dataSource: DataSourceLike, tell: boolean): Promise<void> {
    // A tenant may be gone with its tables. They are created with its next job.
    if (!this.registry.all.includes(dataSource)) return this.forget(dataSource);
    try {
      await this.restoreAllOf(dataSource);
    } catch (error) {
      this.restorableAt.set(dataSource, performance.now() + RESTORE_PAUSE_MS);
      if (!tell) return;
      const name = this.registry.nameOf(dataSource);
      this.logger.error(
        `Tables of the library are missing in the DataSource '${name}', and cannot be created there, which is tried again: ` +
          errorText(error),
      );
    }
  }

  /** Its tables are created, or checked, when it is used next. */
  private forget(dataSource: DataSourceLike): void {
    this.barriers.delete(dataSource);
    this.inboxes.delete(dataSource);
    this.ready.delete(dataSource);
    this.tableOwners.delete(dataSource);
    this.restorableAt.delete(dataSource);
    this.access(dataSource).dialect.tablesLost = false;
  }

  /** Asks the database of a stored lookup how the transaction with this barrier ended, which settles it. */
  async queryPrepared(lookup: DatabaseLookup, barrierGid: string): Promise<TransactionOutcome> {
    return (await this.find(lookup)).queryPrepared(barrierGid);
  }

  /** Whether the transaction with this barrier is known to have committed. Settles nothing. */
  async isCommitted(lookup: DatabaseLookup, barrierGid: string): Promise<boolean> {
    const found = await this.look(lookup);
    return !isBarrierDatabase(found) && (await this.barrierOf(found)).isCommitted(barrierGid);
  }

  /**
   * Whether the transaction of `gid`, whose job is said to run already, has committed. Settles nothing, except in a
   * `BarrierDatabase`, which knows no other question.
   */
  async hasCommitted(lookup: DatabaseLookup, gid: string): Promise<boolean> {
    const found = await this.look(lookup);
    if (isBarrierDatabase(found)) return (await this.bounded(found).queryPrepared(gid)) === 'committed';
    return (await this.barrierOf(found)).isCommitted(gid);
  }

  /** Deletes barrier rows of jobs that are known to have ended, in the database of their lookup. */
  async purge(lookup: DatabaseLookup, barrierGids: readonly string[]): Promise<void> {
    await (await this.find(lookup)).purge(barrierGids);
  }

  /**
   * The barriers opened so far that may hold done-marks of transactional steps: those run in `DataSource`s of the application. The
   * rows of a tenant's are known by the lookups of jobs.
   */
  opened(): Promise<Barrier[]> {
    const { all } = this.registry;
    return Promise.all(
      [...this.barriers].filter(([dataSource]) => all.includes(dataSource)).map(([, barrier]) => barrier),
    );
  }

  /**
   * For what the application has written: nothing else bounds it.
   *
   * @throws TransactionManagerUnavailableError when it takes longer than a statement may.
   */
  async inTime<T>(what: string, work: () => Promise<T>): Promise<T> {
    const timeout = this.statementTimeout ?? DEFAULT_STATEMENT_TIMEOUT_MS;
    const ended = await within(timeout, (async () => ({ value: await work() }))());
    if (ended) return ended.value;
    throw new TransactionManagerUnavailableError(what, { cause: new StatementTimeoutError(timeout) });
  }

  private async find(lookup: DatabaseLookup): Promise<BarrierDatabase> {
    const found = await this.look(lookup);
    return isBarrierDatabase(found) ? this.bounded(found) : this.barrierOf(found);
  }

  private look(lookup: DatabaseLookup): Promise<DataSourceLike | BarrierDatabase> {
    return this.inTime('The dataSourceResolver', () => this.registry.find(lookup));
  }

  private bounded(database: BarrierDatabase): BarrierDatabase {
    const ask = <T>(work: () => Promise<T>) => this.inTime('The BarrierDatabase', work);
    return {
      queryPrepared: (gid) => ask(() => database.queryPrepared(gid)),
      purge: (gids) => ask(() => database.purge(gids)),
    };
  }

  private async open(dataSource: DataSourceLike): Promise<Barrier> {
    const { dialect, connection } = this.access(dataSource);
    const barrier = barrierFor(dialect, connection);
    await this.withTables(dataSource, () => barrier.initialize(this.autoMigrate));
    return barrier;
  }
}

/** Opens something once for each database. After a failure, the next caller tries again. */
function openOnce<T>(
  opened: Map<DataSourceLike, Promise<T>>,
  dataSource: DataSourceLike,
  open: () => Promise<T>,
): Promise<T> {
  let opening = opened.get(dataSource);
  if (!opening) {
    opening = open();
    opened.set(dataSource, opening);
    opening.catch(() => opened.delete(dataSource));
  }
  return opening;
}
