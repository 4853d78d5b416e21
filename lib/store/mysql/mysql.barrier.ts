import { Barrier, BARRIER_ID, BARRIER_TRANS_TYPE, type BarrierRow } from '../barrier.js';
import type { Statement, StatementResult } from '../connections/internal.connection.js';
import { questionMarkSql as sql } from '../sql-template.js';

/** The barrier on MySQL and MariaDB. */
export class MysqlBarrier extends Barrier {
  protected override insertStatement(row: BarrierRow): Statement {
    return sql`
        INSERT IGNORE INTO ${this.table} (trans_type, gid, branch_id, op, barrier_id, reason)
        VALUES (${BARRIER_TRANS_TYPE}, ${row.gid}, ${row.branchId}, ${row.op}, ${BARRIER_ID}, ${row.reason})`;
  }

  protected override purgeStatement(gids: readonly string[]): Statement {
    return sql`DELETE FROM ${this.table} WHERE gid IN (${gids})`;
  }

  /**
   * The lock time-out is a setting of the session here, in whole seconds, and is left alone. Asking for the row with
   * NOWAIT finds out whether an open transaction holds it. Only one that takes the key between the two statements is
   * waited for.
   */
  protected override decide(row: BarrierRow): Promise<StatementResult> {
    const insert = this.insertStatement(row);
    const select = this.selectStatement(row);
    return this.connection.transaction(
      async (run) => {
        const found = await run(`${select.sql} FOR UPDATE NOWAIT`, select.params);
        if (found.rows.length > 0) return found;
        await run(insert.sql, insert.params);
        return run(select.sql, select.params);
      },
      { retry: false },
    );
  }
}
