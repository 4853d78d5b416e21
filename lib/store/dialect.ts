import { TablesMissingError, UnsupportedDatabaseError } from '../errors/index.js';
import type {
  DataSourceLike,
  QueryRunnerLike,
  StructuredResult,
} from '../core/transactions/typeorm.types.js';
import type { ConnectionProbe } from './connections/connection-probe.js';
import type { ConnectionBeside, SourceBeside } from './connections/connection-beside.js';
import {
  runOn,
  type InternalConnection,
  type Queryable,
  type Statement,
  type StatementResult,
} from './connections/internal.connection.js';
import type { SerialGate } from './connections/serial-gate.js';
import type { DatabaseErrors } from './driver-errors.js';
import { foreignEngine, type ForeignEngine } from './foreign-engines.js';
import type { Migration, SchemaStatements } from './migrations/migration.js';
import type { SqlNotation } from './sql-notation.js';
import type { SqlTemplate } from './sql-template.js';
import { StoredText } from './stored-text.js';
import {
  resolveTableNames,
  tablesOf,
  type QualifiedTables,
  type TableNames,
  type TableOptions,
} from './table-names.js';

/** What a notification is about: jobs that are due, or what steers all processes. */
export type NotificationTopic = 'jobs' | 'controls';

/** Tells the processes that share a jobs table that there is something to do. */
export interface JobNotifications {
  /** Calls `onNotification` for every notification, until `close()`. */
  listen(onNotification: (topic: NotificationTopic) => void): Promise<void>;
  /** Notifies the other processes. It waits for nothing and never fails. */
  notify(topic?: NotificationTopic): void;
  close(): Promise<void>;
  /** The listening connection, for other statements, while it is there. */
  readonly beside: SourceBeside;
}

/** What only SQLite needs to know: who may use the one connection. */
export interface SerialAccess {
  /** Whether the caller runs inside the transaction that holds the gate. */
  readonly insideHolder: () => boolean;
  /** The host's clock. @default Date.now */
  readonly now?: () => number;
}

/** Which databases are supported, for the messages that refuse another one. */
export const SUPPORTED_DATABASES =
  'PostgreSQL 13+, MySQL 8.0+, MariaDB 10.6+, TiDB 8.5+, SQLite 3.35+ (better-sqlite3)';

/** The end of `FOR UPDATE`. */
export type LockWait = 'SKIP LOCKED' | 'NOWAIT';

export const DEFAULT_STATEMENT_TIMEOUT_MS = 10_000;

/**
 * One kind of database, for one `DataSource`: its SQL, its errors, its limits. A new database is a new subclass, in a
 * folder with its job store, its barrier, its schema and its errors.
 *
 * @internal Internal to the library: it changes without notice.
 */
export abstract class Dialect {
  abstract readonly errors: DatabaseErrors;
  /** Builds statements with parameters as the database writes them. */
  abstract readonly sql: SqlTemplate;
  protected abstract readonly ddl: SchemaStatements;

  /** Set where all transactions of a `DataSource` share one connection, and so run one after the other. */
  readonly gate: SerialGate | undefined = undefined;
  /** The path of the file that transactions lock as a whole, where the database is one, and is written to. */
  get file(): string | undefined {
    return undefined;
  }
  /**
   * How a statement gets along with a row that somebody else has locked: it skips the row, or it fails at once. Known once
   * `initialize()` has returned.
   */
  lockWait: LockWait = 'SKIP LOCKED';
  /** A transaction does not see tables that are created after its begin. */
  keepsSchema = false;
  /** The server is a node of a cluster that finds conflicts at the COMMIT, and whose locks say nothing to other nodes. */
  locksPerNode = false;
  /** The library's tables were found missing, and have not been looked for since. */
  tablesLost = false;

  /** Milliseconds for each statement of the library, and for taking a connection. */
  statementTimeout = DEFAULT_STATEMENT_TIMEOUT_MS;

  readonly names: TableNames;
  private resolved: { readonly tables: QualifiedTables; readonly text: StoredText } | undefined;
  private resolving: Promise<void> | undefined;

  constructor(
    readonly dataSource: DataSourceLike,
    options?: TableOptions,
  ) {
    this.names = resolveTableNames(options);
  }

  /** The tables in SQL; known once `initialize()` has returned. */
  get tables(): QualifiedTables {
    return this.known.tables;
  }

  /** How texts are written; known once `initialize()` has returned. */
  get text(): StoredText {
    return this.known.text;
  }

  /** The schema of the tables, `undefined` where there are none; known once `initialize()` has returned. */
  abstract readonly schema: string | undefined;

  /**
   * Checks the server's version, and finds out once in which schema the tables are: a session's search path may change
   * later.
   *
   * @throws UnsupportedDatabaseError for a server that is too old.
   */
  initialize(connection: Queryable): Promise<void> {
    this.resolving ??= this.resolve(connection).catch((error: unknown) => {
      this.resolving = undefined;
      throw error;
    });
    return this.resolving;
  }

  /** How the library's own statements reach the `DataSource`. */
  abstract connect(access: SerialAccess): InternalConnection;

  /** How statements on a connection of `connect()` write times and lists. */
  abstract notation(connection: InternalConnection): SqlNotation;

  /** LISTEN and NOTIFY for the jobs table, where the database has them. */
  notifications(_connection: InternalConnection): JobNotifications | undefined {
    return undefined;
  }

  /**
   * Asks the server to end the statement that runs on `runner`, with its session where that can be asked: it may hold locks, and
   * does not know that nobody listens. Never fails, and ends in time.
   */
  interrupt(_runner: QueryRunnerLike): Promise<void> {
    return Promise.resolve();
  }

  /**
   * The same read, which waits for what other nodes of a cluster have committed before it. To be used where "not there" decides
   * something; outside of transactions.
   */
  latest(read: Statement): Statement {
    return read;
  }

  /** Closes the connection of `runner`, which may be silent or in an unknown state, and releases the runner. */
  discard(_runner: QueryRunnerLike): void {
    // Where there is only one connection, it stays.
  }

  /** Closes the connection of `runner` when it is released: its server takes no writes. */
  retire(_runner: QueryRunnerLike): void {
    // Where there is only one connection, it stays.
  }

  /** How many connections the pool of the `DataSource` may open; undefined where it does not tell, or has none. */
  get poolSize(): number | undefined {
    return undefined;
  }

  /** The connection beside the pool; `listening` has it on PostgreSQL. */
  beside(
    _pooled: InternalConnection,
    _listening: JobNotifications | undefined,
    _statementTimeout: number,
  ): ConnectionBeside | undefined {
    return undefined;
  }

  /** Runs a statement on `runner`, and reads its answer whatever the application has told its driver about types. */
  send(
    runner: QueryRunnerLike,
    sql: string,
    params: readonly unknown[],
    _prepared = false,
  ): Promise<StatementResult> {
    return runOn(runner, sql, params);
  }

  /** What a connection that `queryRunner.connect()` returned tells about its transaction. */
  abstract probe(connection: unknown): ConnectionProbe;

  /** Those of `names` that exist. */
  abstract existingTables(connection: Queryable, names: readonly string[]): Promise<Set<string>>;

  /**
   * Makes sure that these tables keep what is written to them, with its transaction.
   *
   * @throws UnsupportedDatabaseError for tables of a kind that does not.
   */
  abstract checkTables(connection: Queryable, names: readonly string[]): Promise<void>;

  /** The names of the indexes of the library's tables, in lower case. */
  abstract existingIndexes(connection: Queryable): Promise<Set<string>>;

  /** Those of `migrations` that are not recorded. */
  async pending(connection: Queryable, migrations: readonly Migration[]): Promise<Migration[]> {
    const { migrations: history } = this.names;
    const recorded = migrations.some(({ id }) => id !== null);
    // Somebody may have dropped a table and left the record of its migration.
    const tables = recorded ? [history, ...tablesOf(this.names)] : [history];
    if ((await this.existingTables(connection, tables)).size < tables.length) return [...migrations];
    const { rows } = await connection.query(`SELECT id FROM ${this.tables.migrations}`);
    const applied = new Set<number | null>((rows as { id: unknown }[]).map((row) => Number(row.id)));
    return migrations.filter((migration) => !applied.has(migration.id));
  }

  /** The statements of one migration, and the one that records it. Running them twice does no harm. */
  statementsOf({ id, alone }: Migration): string[] {
    const { ddl, names } = this;
    const tables = { ...this.tables, names };
    if (id === null) return [...ddl.alone[alone!](tables)];
    return [ddl.history(tables), ...ddl.migrations[id]!(tables), ddl.record(tables, id)];
  }

  /** Throws `InvalidOptionError` when something else has a name that the tables need. Asked before they are created. */
  async refuseTakenNames(_connection: Queryable): Promise<void> {}

  /** Runs those migrations that are not yet recorded, under a lock that lets one process at a time do so. */
  abstract migrate(connection: InternalConnection, migrations: readonly Migration[]): Promise<void>;

  /** Whether the statement with this result ran inside a transaction; `undefined` when it cannot be told. */
  abstract inTransactionAfter(result: StructuredResult, runner: QueryRunnerLike): boolean | undefined;

  /**
   * Whether the transaction of `runner` is really open, for statements that nothing could take back; `undefined` when it
   * cannot be told.
   */
  abstract isInTransaction(runner: QueryRunnerLike, gid: string): Promise<boolean | undefined>;

  /** Throws `UnsupportedDatabaseError` for a server that is too old. */
  protected abstract checkVersion(connection: Queryable): Promise<void>;
  protected abstract qualify(connection: Queryable): Promise<QualifiedTables>;
  /** Whether connection and database hold every character. Throws `UnsupportedDatabaseError` where texts would be damaged. */
  protected abstract isUnicode(connection: Queryable): Promise<boolean>;

  /** The statements of those migrations that are not recorded. */
  protected async pendingStatements(
    connection: Queryable,
    migrations: readonly Migration[],
  ): Promise<string[]> {
    const pending = await this.pending(connection, migrations);
    if (pending.length > 0) await this.refuseTakenNames(connection);
    return pending.flatMap((migration) => this.statementsOf(migration));
  }

  /** Throws `UnsupportedDatabaseError` for an engine that only passes for the right one. */
  protected refuseForeign(description: string, engines: readonly ForeignEngine[]): void {
    const foreign = foreignEngine(description, engines);
    if (foreign !== undefined) this.refuseVersion(foreign);
  }

  protected refuseVersion(found: string): never {
    throw new UnsupportedDatabaseError(found, SUPPORTED_DATABASES);
  }

  private async resolve(connection: Queryable): Promise<void> {
    await this.checkVersion(connection);
    const tables = await this.qualify(connection);
    this.resolved = { tables, text: new StoredText(await this.isUnicode(connection)) };
  }

  private get known() {
    if (!this.resolved) throw new TypeError('initialize() of the dialect has to be awaited first.');
    return this.resolved;
  }

  /** The error to throw for an `error` of the database that says that tables of the library are not there. */
  lostTables(error: unknown): TablesMissingError | undefined {
    if (!this.errors.isTableMissing(error)) return undefined;
    const { jobs, barrier, inbox } = this.names;
    const missing = [jobs, barrier, inbox].filter((name) => String(error).includes(name));
    // Those of the application are none of our business.
    if (missing.length === 0) return undefined;
    this.tablesLost = true;
    return new TablesMissingError(missing, { cause: error });
  }
}
