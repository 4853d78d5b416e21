import { realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import { UnsupportedDatabaseError } from '../../errors/index.js';
import { blindProbe, type ConnectionProbe } from '../connections/connection-probe.js';
import type { InternalConnection, Queryable } from '../connections/internal.connection.js';
import { serialGateOf } from '../connections/serial-gate.js';
import { Dialect, type SerialAccess } from '../dialect.js';
import type { Migration } from '../migrations/migration.js';
import { qualifyTables, type QualifiedTables } from '../table-names.js';
import { questionMarkSql } from '../sql-template.js';
import { SqliteConnection } from './sqlite.connection.js';
import { sqliteErrors } from './sqlite.errors.js';
import { SqliteNotation } from './sqlite.notation.js';
import { sqliteSchema } from './sqlite.schema.js';

const OLDEST_VERSION = [3, 35] as const;

/** SQLite 3.35 and later, over the driver `better-sqlite3`. Schemas do not exist and are ignored. */
export class SqliteDialect extends Dialect {
  override readonly errors = sqliteErrors;
  override readonly sql = questionMarkSql;
  protected override readonly ddl = sqliteSchema;

  override readonly schema = undefined;
  override readonly gate = serialGateOf(this.dataSource);

  /** A database in memory has none. */
  override get file(): string | undefined {
    const { database, readonly } = this.dataSource.options as { database?: unknown; readonly?: unknown };
    if (typeof database !== 'string' || database === '' || database === ':memory:' || readonly === true)
      return undefined;
    const path = resolve(database);
    try {
      return realpathSync(path);
    } catch {
      return path;
    }
  }

  override connect({ insideHolder, now }: SerialAccess): SqliteConnection {
    return new SqliteConnection(this.dataSource, this.gate, insideHolder, now);
  }

  override notation(connection: InternalConnection): SqliteNotation {
    return new SqliteNotation((connection as SqliteConnection).now);
  }

  /** The driver knows at any moment. A COMMIT that does nothing is an error here. */
  override probe(database: { readonly inTransaction: boolean } | undefined): ConnectionProbe {
    if (!database) return blindProbe;
    return {
      inTransaction: () => database.inTransaction,
      idleCount: () => 0,
      commitAnswer: () => 'COMMIT',
      streaming: () => false,
    };
  }

  override async existingTables(connection: Queryable, names: readonly string[]): Promise<Set<string>> {
    const { rows } = await connection.query(
      `SELECT name FROM main.sqlite_master WHERE type IN ('table', 'view') AND name IN (SELECT value FROM json_each(?))`,
      [JSON.stringify(names)],
    );
    return new Set((rows as { name: string }[]).map((row) => row.name));
  }

  override async existingIndexes(connection: Queryable): Promise<Set<string>> {
    const { rows } = await connection.query(
      `SELECT lower(name) AS name FROM main.sqlite_master WHERE type = 'index'`,
      [],
    );
    return new Set((rows as { name: string }[]).map((row) => row.name));
  }

  override async checkTables(connection: Queryable): Promise<void> {
    const { rows } = await connection.query('PRAGMA main.journal_mode');
    const mode = String((rows as { journal_mode: unknown }[])[0]?.journal_mode);
    if (mode.toLowerCase() === 'off')
      throw new UnsupportedDatabaseError(
        'journal_mode = OFF, where nothing can be rolled back',
        'WAL, DELETE',
      );
  }

  /** BEGIN IMMEDIATE is the lock. A migration that another process has just run runs again, which does no harm. */
  override async migrate(connection: InternalConnection, migrations: readonly Migration[]): Promise<void> {
    const statements = await this.pendingStatements(connection, migrations);
    await (connection as SqliteConnection).batch(statements.map((sql) => ({ sql, params: [] })));
  }

  override inTransactionAfter(): boolean {
    return (this.dataSource.driver as { databaseConnection: { inTransaction: boolean } }).databaseConnection
      .inTransaction;
  }

  override isInTransaction(): Promise<boolean> {
    return Promise.resolve(this.inTransactionAfter());
  }

  protected override async checkVersion(connection: Queryable): Promise<void> {
    const { rows } = await connection.query('SELECT sqlite_version() AS version');
    const version = String((rows as { version: unknown }[])[0]?.version);
    const [major = 0, minor = 0] = version.split('.').map(Number);
    if (major < OLDEST_VERSION[0] || (major === OLDEST_VERSION[0] && minor < OLDEST_VERSION[1])) {
      this.refuseVersion(`SQLite ${version}`);
    }
  }

  protected override isUnicode(): Promise<boolean> {
    return Promise.resolve(true);
  }

  /** With the name of the main database: a temporary table of the same name is never meant. */
  protected override qualify(): Promise<QualifiedTables> {
    return Promise.resolve(qualifyTables('main', '"', this.names));
  }
}
