import { SchemaOutdatedError } from '../../errors/index.js';
import type { InternalConnection } from '../connections/internal.connection.js';
import type { Dialect } from '../dialect.js';
import { barrierTable } from './barrier.migration.js';
import type { Migration } from './migration.js';
import { MIGRATIONS } from './migrations.js';

/**
 * Brings the library's tables up to date, or says what they lack. Works on a dialect that has been
 * initialized, outside the application's transactions.
 *
 * Looking costs two reads and no lock, so that every process can look each time it starts; a lock is
 * taken, and DDL sent, only when something is missing.
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
    const { names } = this.dialect;
    const pending = await this.pending();
    if (pending.length === 0) return;
    const tables = [names.jobs, names.barrier];
    const found = await this.dialect.existingTables(this.connection, tables);
    const missing = tables.filter((table) => !found.has(table));
    throw new SchemaOutdatedError(missing.length > 0 ? missing : pending.map((migration) => migration.name));
  }

  /**
   * Makes sure of the barrier table alone, in a database that keeps no jobs: creates it, or throws
   * `SchemaOutdatedError` when `autoMigrate` is off and it is missing.
   */
  async ensureBarrier(autoMigrate: boolean): Promise<void> {
    const { barrier } = this.dialect.names;
    const found = await this.dialect.existingTables(this.connection, [barrier]);
    if (found.has(barrier)) return;
    if (!autoMigrate) throw new SchemaOutdatedError([barrier]);
    await this.dialect.migrate(this.connection, [barrierTable]);
  }

  private async pending(): Promise<Migration[]> {
    const { migrations } = this.dialect.names;
    const found = await this.dialect.existingTables(this.connection, [migrations]);
    if (!found.has(migrations)) return [...MIGRATIONS];
    const applied = await this.dialect.appliedMigrations(this.connection);
    return MIGRATIONS.filter((migration) => !applied.has(migration.id));
  }
}
