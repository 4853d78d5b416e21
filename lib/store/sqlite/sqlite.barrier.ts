import { Barrier, type BarrierRow } from '../barrier.js';
import type { Statement, StatementResult } from '../connections/internal.connection.js';
import type { SqliteConnection } from './sqlite.connection.js';
import { questionMarkSql as sql } from '../sql-template.js';

/** The barrier on SQLite. */
export class SqliteBarrier extends Barrier {
  declare protected readonly connection: SqliteConnection;

  /** The first condition finds the rows by the index, the second leaves out gids that only the table takes for these. */
  protected override purgeStatement(gids: readonly string[]): Statement {
    const texts = JSON.stringify(gids);
    return sql`
        DELETE FROM ${this.table}
         WHERE gid IN (SELECT value FROM json_each(${texts}))
           AND CAST(gid AS BLOB) IN (SELECT CAST(value AS BLOB) FROM json_each(${texts}))`;
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
