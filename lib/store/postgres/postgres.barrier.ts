import { Barrier, BARRIER_ID, BARRIER_TRANS_TYPE, type BarrierKey, type BarrierRow } from '../barrier.js';
import type { Statement, StatementResult } from '../connections/internal.connection.js';
import { numberedSql as sql } from '../sql-template.js';

/** The barrier on PostgreSQL. */
export class PostgresBarrier extends Barrier {
  protected override insertStatement(row: BarrierRow): Statement {
    // Names no constraint: the table may be one that another library has created.
    return sql`
        INSERT INTO ${this.table} (trans_type, gid, branch_id, op, barrier_id, reason)
        VALUES (${BARRIER_TRANS_TYPE}, ${row.gid}, ${row.branchId}, ${row.op}, ${BARRIER_ID}, ${row.reason})
            ON CONFLICT DO NOTHING`;
  }

  protected override selectStatement(key: BarrierKey): Statement {
    return sql`
        SELECT reason FROM ${this.table}
         WHERE gid = ${key.gid} AND branch_id = ${key.branchId} AND op = ${key.op} AND barrier_id = ${BARRIER_ID}`;
  }

  protected override deleteStatement(row: BarrierRow): Statement {
    return sql`
        DELETE FROM ${this.table}
         WHERE gid = ${row.gid} AND branch_id = ${row.branchId} AND op = ${row.op} AND barrier_id = ${BARRIER_ID}
           AND reason = ${row.reason}`;
  }

  protected override purgeStatement(gids: readonly string[]): Statement {
    return sql`DELETE FROM ${this.table} WHERE gid = ANY (${gids}::text[])`;
  }

  protected override decide(row: BarrierRow, lockTimeout: number): Promise<StatementResult> {
    const insert = this.insertStatement(row);
    const select = this.selectStatement(row);
    return this.connection.transaction(
      async (run) => {
        await run(`SELECT set_config('lock_timeout', $1, true)`, [`${Math.ceil(lockTimeout)}ms`]);
        await run(insert.sql, insert.params);
        return run(select.sql, select.params);
      },
      { retry: false },
    );
  }
}
