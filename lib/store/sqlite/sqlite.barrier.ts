import { Barrier, type BarrierRow } from '../barrier.js';
import type { Statement, StatementResult } from '../connections/internal.connection.js';
import type { SqliteConnection } from './sqlite.connection.js';
import { questionMarkSql as sql } from '../sql-template.js';

/** The barrier on SQLite. */
export class SqliteBarrier extends Barrier {
  declare protected readonly connection: SqliteConnection;

  protected override purgeStatement(gids: readonly string[]): Statement {
    return sql`DELETE FROM ${this.table} WHERE gid IN (SELECT value FROM json_each(${JSON.stringify(gids)}))`;
  }

  /** Waits no longer than `lockTimeout` for an open transaction, here or in another process. */
  protected override decide(row: BarrierRow, lockTimeout: number): Promise<StatementResult> {
    const insert = this.insertStatement(row);
    const select = this.selectStatement(row);
    return this.connection.immediate((run) => {
      run(insert.sql, insert.params);
      return run(select.sql, select.params);
    }, lockTimeout);
  }
}
