import {
  Barrier,
  BARRIER_ID,
  BARRIER_TRANS_TYPE,
  type BarrierKey,
  type BarrierOptions,
  type BarrierRow,
} from '../barrier.js';
import type { Statement, StatementResult } from '../connections/internal.connection.js';
import type { Dialect } from '../dialect.js';
import type { SqliteConnection } from './sqlite.connection.js';
import { questionMarkSql as sql } from '../sql-template.js';

/** The barrier on SQLite. */
export class SqliteBarrier extends Barrier {
  constructor(
    protected override readonly connection: SqliteConnection,
    dialect: Dialect,
    options?: BarrierOptions,
  ) {
    super(connection, dialect, options);
  }

  protected override insertStatement(row: BarrierRow): Statement {
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
