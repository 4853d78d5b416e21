import { Barrier, BARRIER_ID, BARRIER_TRANS_TYPE, type BarrierKey, type BarrierRow } from '../barrier.js';
import type { Statement, StatementResult } from '../connections/internal.connection.js';

/** The barrier on PostgreSQL. */
export class PostgresBarrier extends Barrier {
  protected override insertStatement(row: BarrierRow): Statement {
    return {
      // Names no constraint: the table may be one that another library has created.
      sql: `
        INSERT INTO ${this.table} (trans_type, gid, branch_id, op, barrier_id, reason)
        VALUES ($1, $2, $3, $4, $5, $6)
            ON CONFLICT DO NOTHING`,
      params: [BARRIER_TRANS_TYPE, row.gid, row.branchId, row.op, BARRIER_ID, row.reason],
    };
  }

  protected override selectStatement(key: BarrierKey): Statement {
    return {
      sql: `
        SELECT reason FROM ${this.table}
         WHERE gid = $1 AND branch_id = $2 AND op = $3 AND barrier_id = $4`,
      params: [key.gid, key.branchId, key.op, BARRIER_ID],
    };
  }

  protected override deleteStatement(row: BarrierRow): Statement {
    return {
      sql: `
        DELETE FROM ${this.table}
         WHERE gid = $1 AND branch_id = $2 AND op = $3 AND barrier_id = $4 AND reason = $5`,
      params: [row.gid, row.branchId, row.op, BARRIER_ID, row.reason],
    };
  }

  protected override purgeStatement(gids: readonly string[]): Statement {
    return { sql: `DELETE FROM ${this.table} WHERE gid = ANY ($1::text[])`, params: [gids] };
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
