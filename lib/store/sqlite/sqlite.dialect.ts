import type { InternalConnection, Queryable } from '../connections/internal.connection.js';
import { blindProbe, type ConnectionProbe } from '../connections/connection-probe.js';
import { serialGateOf } from './serial-gate.js';
import { SqliteConnection } from './sqlite.connection.js';
import type { Migration } from '../migrations/migration.js';
import { SqliteBarrierTable } from './sqlite.barrier-table.js';
import { SqliteJobCatalog } from './sqlite.job-catalog.js';
import { SqliteJobTable } from './sqlite.job-table.js';
import { driverErrorOf, Dialect, type QualifiedTables, type SerialAccess } from '../dialect.js';

const OLDEST_VERSION = [3, 35] as const;

/** SQLite 3.35 and later, over the driver `better-sqlite3`. Schemas do not exist and are ignored. */
export class SqliteDialect extends Dialect {
  override readonly capabilities = {
    skipLocked: false,
    returning: true,
    schemas: false,
    concurrentWriters: false,
  } as const;

  override readonly schema = undefined;
  override readonly gate = serialGateOf(this.dataSource);

  override connect({ insideHolder, now }: SerialAccess): SqliteConnection {
    return new SqliteConnection(this.dataSource, this.gate, insideHolder, now);
  }

  override jobTable(connection: InternalConnection): SqliteJobTable {
    return new SqliteJobTable(connection as SqliteConnection, this.tables.jobs);
  }

  override jobCatalog(connection: InternalConnection): SqliteJobCatalog {
    return new SqliteJobCatalog(connection as SqliteConnection, this.tables.jobs);
  }

  override barrierTable(connection: InternalConnection): SqliteBarrierTable {
    return new SqliteBarrierTable(connection as SqliteConnection, this.tables.barrier);
  }

  override async existingTables(connection: Queryable, names: readonly string[]): Promise<Set<string>> {
    const { rows } = await connection.query(
      `SELECT name FROM main.sqlite_master WHERE type IN ('table', 'view') AND name IN (SELECT value FROM json_each(?))`,
      [JSON.stringify(names)],
    );
    return new Set((rows as { name: string }[]).map((row) => row.name));
  }

  override statementsOf({ id, sqlite }: Migration): string[] {
    const { tables, names } = this;
    const statements = sqlite({ ...tables, names });
    if (id === null) return [...statements];
    return [
      `
      CREATE TABLE IF NOT EXISTS ${tables.migrations} (
        id INTEGER PRIMARY KEY,
        applied_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
      )`,
      ...statements,
      `INSERT OR IGNORE INTO ${tables.migrations} (id) VALUES (${id})`,
    ];
  }

  /** BEGIN IMMEDIATE is the lock. A migration that somebody else has just run is run again, which does no harm. */
  override async migrate(connection: InternalConnection, migrations: readonly Migration[]): Promise<void> {
    const statements = await this.pendingStatements(connection, migrations);
    await connection.batch(statements.map((sql) => ({ sql, params: [] })));
  }

  /** The driver knows at any moment. A COMMIT that does nothing is an error here. */
  override probe(database: { readonly inTransaction: boolean } | undefined): ConnectionProbe {
    if (!database) return blindProbe;
    return {
      inTransaction: () => database.inTransaction,
      idleCount: () => 0,
      commitAnswer: () => 'COMMIT',
    };
  }

  override isRefusedCommit(): boolean {
    return false;
  }

  override endsTransaction(): boolean {
    return false;
  }

  override isTransientError(error: unknown): boolean {
    const code = codeOf(error);
    return code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED');
  }

  /** A transaction that has read an old state cannot write any more. */
  override isSerializationFailure(error: unknown): boolean {
    return codeOf(error) === 'SQLITE_BUSY_SNAPSHOT';
  }

  override isUniqueViolation(error: unknown): boolean {
    return codeOf(error) === 'SQLITE_CONSTRAINT_UNIQUE' || codeOf(error) === 'SQLITE_CONSTRAINT_PRIMARYKEY';
  }

  override isRowError(error: unknown): boolean {
    const code = codeOf(error);
    return code.startsWith('SQLITE_CONSTRAINT') || code === 'SQLITE_TOOBIG' || code === 'SQLITE_MISMATCH';
  }

  override inTransactionAfter(): boolean {
    return (this.dataSource.driver as { databaseConnection: { inTransaction: boolean } }).databaseConnection
      .inTransaction;
  }

  override isInTransaction(): Promise<boolean> {
    return Promise.resolve(this.inTransactionAfter());
  }

  protected override async checkVersion(connection: InternalConnection): Promise<void> {
    const { rows } = await connection.query('SELECT sqlite_version() AS version');
    const version = String((rows as { version: unknown }[])[0]?.version);
    const [major = 0, minor = 0] = version.split('.').map(Number);
    if (major < OLDEST_VERSION[0] || (major === OLDEST_VERSION[0] && minor < OLDEST_VERSION[1])) {
      this.refuseVersion(`SQLite ${version}`);
    }
  }

  /** Named with the main database, so that a temporary table of the same name is never meant. */
  protected override qualify(): Promise<QualifiedTables> {
    const { names } = this;
    return Promise.resolve({
      jobs: `main."${names.jobs}"`,
      barrier: `main."${names.barrier}"`,
      migrations: `main."${names.migrations}"`,
    });
  }
}

function codeOf(error: unknown): string {
  const { code } = driverErrorOf(error);
  return typeof code === 'string' ? code : '';
}
