import { SchemaOutdatedError } from '../../errors/index.js';
import type { InternalConnection } from '../connections/internal.connection.js';
import type { Dialect } from '../dialect.js';
import type { Migration, TableAlone } from './migration.js';
import { tablesOf } from '../table-names.js';
import { MIGRATIONS, TABLES_ALONE } from './migrations.js';

/**
 * Brings the library's tables up to date, or says what is missing. The dialect must be initialized.
 *
 * Looking takes two reads and no lock, so every process can look when it starts. A lock is taken, and DDL sent, only
 * when something is missing.
 */
export class SchemaMigrator {
  constructor(
    private readonly connection: InternalConnection,
    private readonly dialect: Dialect,
  ) {}

  /** Runs what is missing, one process at a time. */
  async migrate(): Promise<void> {
    if ((await this.pending()).length > 0) await this.dialect.migrate(this.connection, MIGRATIONS);
  }

  /** Throws `SchemaOutdatedError` when something is missing. */
  async check(): Promise<void> {
    const pending = await this.pending();
    if (pending.length === 0) return;
    const tables = tablesOf(this.dialect.names);
    const found = await this.dialect.existingTables(this.connection, tables);
    const missing = tables.filter((table) => !found.has(table));
    throw new SchemaOutdatedError(missing.length > 0 ? missing : pending.map((migration) => migration.name));
  }

  /**
   * Creates one table alone, for a database that keeps no jobs. Throws `SchemaOutdatedError` when it is missing and
   * `autoMigrate` is off.
   */
  async ensure(table: TableAlone, autoMigrate: boolean): Promise<void> {
    const name = this.dialect.names[table];
    const found = await this.dialect.existingTables(this.connection, [name]);
    if (found.has(name)) return;
    if (!autoMigrate) throw new SchemaOutdatedError([name]);
    await this.dialect.migrate(this.connection, [TABLES_ALONE[table]]);
  }

  private pending(): Promise<Migration[]> {
    return this.dialect.pending(this.connection, MIGRATIONS);
  }
}
