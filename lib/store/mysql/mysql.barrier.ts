import { Barrier, BARRIER_COLUMNS, barrierValues, type BarrierRow } from '../barrier.js';
import type { Statement, StatementResult } from '../connections/internal.connection.js';
import { questionMarkSql as sql } from '../sql-template.js';
import { withLockTimeout } from './mysql.row-locks.js';

/** The barrier on MySQL and MariaDB. */
export class MysqlBarrier extends Barrier {
  protected override insertStatement(row: BarrierRow): Statement {
    return sql`
        INSERT IGNORE INTO ${this.table} ${BARRIER_COLUMNS}
        VALUES (${barrierValues(row)})`;
  }

  /** The first condition finds the rows by the index, the second leaves out gids that only the table takes for these. */
  protected override purgeStatement(gids: readonly string[]): Statement {
    return sql`DELETE FROM ${this.table} WHERE gid IN (${gids}) AND CAST(gid AS BINARY) IN (${gids})`;
  }

  /**
   * The lock time-out is a setting of the session here, in whole seconds, and is left alone. Asking for the row with
   * NOWAIT finds out whether an open transaction holds it. Only one that takes the key between the two statements is
   * waited for.
   *
   * TiDB does not see the row of an open transaction. So the INSERT waits for that one there, with the time-out.
   */
  protected override decide(row: BarrierRow, lockTimeout: number): Promise<StatementResult> {
    const insert = this.insertStatement(row);
    const select = this.selectStatement(row);
    return this.connection.transaction(
      async (run) => {
        if (this.dialect.lockWait === 'NOWAIT') {
          await withLockTimeout(run, lockTimeout, () => run(insert.sql, insert.params));
          return run(select.sql, select.params);
        }
        const found = await run(`${select.sql} FOR UPDATE NOWAIT`, select.params);
        if (found.rows.length > 0) return found;
        await run(insert.sql, insert.params);
        return run(select.sql, select.params);
      },
      { retry: false },
    );
  }
}
