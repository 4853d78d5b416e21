import { UnsupportedDatabaseError } from '../errors/index.js';
import type { ConnectionProbe } from './connections/connection-probe.js';
import type { InternalConnection, Queryable } from './connections/internal.connection.js';
import type { Migration } from './migrations/migration.js';
import type {
  DataSourceLike,
  QueryRunnerLike,
  StructuredResult,
} from '../core/transactions/typeorm.types.js';
import type { BarrierTable } from './barrier-table.js';
import type { JobCatalog } from './job-catalog.js';
import type { JobTable } from './job-table.js';
import { resolveTableNames, type TableNames, type TableOptions } from './table-names.js';

/** What databases differ in. Nothing outside this folder asks for a database by its name. */
export interface DialectCapabilities {
  /** Rows locked by others can be left out instead of waited for. */
  readonly skipLocked: boolean;
  /** INSERT, UPDATE and DELETE can give back what they changed. */
  readonly returning: boolean;
  readonly schemas: boolean;
  /** Several transactions of one `DataSource` can be open at once. */
  readonly concurrentWriters: boolean;
}

/** The tables as they are written in SQL: qualified and quoted. */
export interface QualifiedTables {
  readonly jobs: string;
  readonly barrier: string;
  readonly migrations: string;
}

/** Runs transactions one after the other, for a `DataSource` that is a single connection. */
export interface TransactionGate {
  run<T>(work: () => Promise<T> | T): Promise<T>;
}

/** Tells processes that share the jobs table that there is something to do. */
export interface JobNotifications {
  /** Calls `onNotification` for every notification, until `close()`. */
  listen(onNotification: () => void): Promise<void>;
  /** Notifies the other processes. It waits for nothing and never fails. */
  notify(): void;
  close(): Promise<void>;
}

/** What only SQLite needs to know: who may use the one connection. */
export interface SerialAccess {
  /** Whether the caller runs inside the transaction that holds the gate. */
  readonly insideHolder: () => boolean;
  /** The host's clock. @default Date.now */
  readonly now?: () => number;
}

/** Which databases are supported, for the messages that refuse another one. */
export const SUPPORTED_DATABASES = 'PostgreSQL 13+, MySQL 8.0+, MariaDB 10.6+, SQLite 3.35+ (better-sqlite3)';

/**
 * One kind of database, for one `DataSource`: its SQL, its errors, its limits. A new database is a new
 * subclass, with its `JobTable`, `JobCatalog` and `BarrierTable`.
 *
 * @internal Internal to the library: it changes without notice.
 */
export abstract class Dialect {
  abstract readonly capabilities: DialectCapabilities;

  /** Set where all transactions of the `DataSource` share one connection; the same for every dialect of it. */
  readonly gate: TransactionGate | undefined = undefined;

  readonly names: TableNames;
  private resolved: QualifiedTables | undefined;
  private resolving: Promise<void> | undefined;

  constructor(
    protected readonly dataSource: DataSourceLike,
    options?: TableOptions,
  ) {
    this.names = resolveTableNames(options);
  }

  /** The tables in SQL; known once `initialize()` has come back. */
  get tables(): QualifiedTables {
    if (!this.resolved) throw new TypeError('initialize() of the dialect has to be awaited first.');
    return this.resolved;
  }

  /** The schema of the tables, `undefined` where there are none; known once `initialize()` has come back. */
  abstract readonly schema: string | undefined;

  /**
   * Checks the server's version and finds out, once, in which schema the tables are, so that whatever a
   * session's search path becomes later does not lead elsewhere. Throws `UnsupportedDatabaseError`.
   */
  initialize(connection: InternalConnection): Promise<void> {
    this.resolving ??= this.resolve(connection).catch((error: unknown) => {
      this.resolving = undefined;
      throw error;
    });
    return this.resolving;
  }

  /** How the library's own statements reach the `DataSource`. */
  abstract connect(access: SerialAccess): InternalConnection;
  abstract jobTable(connection: InternalConnection): JobTable;
  abstract jobCatalog(connection: InternalConnection): JobCatalog;
  abstract barrierTable(connection: InternalConnection): BarrierTable;

  /** Those of `names` that exist. */
  abstract existingTables(connection: Queryable, names: readonly string[]): Promise<Set<string>>;
  /** The numbers of the migrations that are recorded; their table must exist. */
  async appliedMigrations(connection: Queryable): Promise<Set<number | null>> {
    const { rows } = await connection.query(`SELECT id FROM ${this.tables.migrations}`, []);
    return new Set((rows as { id: unknown }[]).map((row) => Number(row.id)));
  }

  /** The statements of one migration, and the one that records it. Running them twice does no harm. */
  abstract statementsOf(migration: Migration): string[];
  /** Runs those migrations that are not yet recorded, under a lock that lets one process at a time do so. */
  abstract migrate(connection: InternalConnection, migrations: readonly Migration[]): Promise<void>;

  /** LISTEN and NOTIFY for the jobs table, where the database has them. */
  notifications(_connection: InternalConnection): JobNotifications | undefined {
    return undefined;
  }

  /** What a connection that `queryRunner.connect()` returned tells about its transaction. */
  abstract probe(connection: unknown): ConnectionProbe;
  /** Whether an error that COMMIT met proves that nothing was committed. Lost connections prove nothing. */
  abstract isRefusedCommit(error: unknown): boolean;
  /** Whether the server has rolled the whole transaction back, so that later statements autocommit. */
  abstract endsTransaction(error: unknown): boolean;

  /** Errors that mean "again": the same work may succeed in a moment. */
  abstract isTransientError(error: unknown): boolean;
  /** Transient errors that have ended, or doomed, the whole transaction in which they came up. */
  abstract isSerializationFailure(error: unknown): boolean;
  abstract isUniqueViolation(error: unknown): boolean;
  /** Errors that one row's values cause, so that the other rows of a batch can still be written. */
  abstract isRowError(error: unknown): boolean;

  /** Whether the statement with this result ran inside a transaction; `undefined` when it cannot be told. */
  abstract inTransactionAfter(result: StructuredResult, runner: QueryRunnerLike): boolean | undefined;

  /**
   * Whether the transaction of `runner` is really open, for statements that nothing could take back;
   * `undefined` when it cannot be told.
   */
  abstract isInTransaction(runner: QueryRunnerLike): Promise<boolean | undefined>;

  /** Throws `UnsupportedDatabaseError` for a server that is too old. */
  protected abstract checkVersion(connection: InternalConnection): Promise<void>;
  protected abstract qualify(connection: InternalConnection): Promise<QualifiedTables>;

  /** The statements of those migrations that are not recorded. */
  protected async pendingStatements(
    connection: Queryable,
    migrations: readonly Migration[],
  ): Promise<string[]> {
    const { migrations: table } = this.names;
    const recorded = (await this.existingTables(connection, [table])).has(table);
    const applied = recorded ? await this.appliedMigrations(connection) : new Set<number | null>();
    return migrations
      .filter((migration) => !applied.has(migration.id))
      .flatMap((migration) => this.statementsOf(migration));
  }

  protected refuseVersion(found: string): never {
    throw new UnsupportedDatabaseError(found, SUPPORTED_DATABASES);
  }

  private async resolve(connection: InternalConnection): Promise<void> {
    await this.checkVersion(connection);
    this.resolved = await this.qualify(connection);
  }
}

/** The driver's own error, which TypeORM wraps in a `QueryFailedError`. */
export function driverErrorOf(error: unknown): { code?: unknown; errno?: unknown; sqlState?: unknown } {
  if (typeof error !== 'object' || error === null) return {};
  const { driverError } = error as { driverError?: unknown };
  return typeof driverError === 'object' && driverError !== null ? driverError : error;
}
