import type { Statement } from '../connections/internal.connection.js';
import type { RunNow, SqliteConnection } from './sqlite.connection.js';
import { BARRIER_TRANS_TYPE, BarrierTable, type BarrierKey, type BarrierRow } from '../barrier-table.js';

/** The barrier table on SQLite. */
export class SqliteBarrierTable extends BarrierTable {
  constructor(
    private readonly connection: SqliteConnection,
    /** Qualified and quoted. */
    private readonly barrier: string,
  ) {
    super();
  }

  override insertStatement(row: BarrierRow): Statement {
    return {
      sql: `
        INSERT INTO ${this.barrier} (trans_type, gid, branch_id, op, barrier_id, reason)
        VALUES (?, ?, ?, ?, ?, ?)
            ON CONFLICT DO NOTHING`,
      params: [BARRIER_TRANS_TYPE, row.gid, row.branchId, row.op, row.barrierId, row.reason],
    };
  }

  override async reasonOf(key: BarrierKey): Promise<string | undefined> {
    const { sql, params } = this.select(key);
    const { rows } = await this.connection.query(sql, params);
    return (rows as { reason: string }[])[0]?.reason;
  }

  /** A transaction that is open, here or in another process, is waited for no longer than `lockTimeout`. */
  override decide(row: BarrierRow, lockTimeout: number): Promise<string | undefined> {
    return this.connection.immediate((run) => {
      runStatement(run, this.insertStatement(row));
      return (runStatement(run, this.select(row)) as { reason: string }[])[0]?.reason;
    }, lockTimeout);
  }

  override async delete(row: BarrierRow): Promise<void> {
    await this.connection.query(
      `
      DELETE FROM ${this.barrier}
       WHERE gid = ? AND branch_id = ? AND op = ? AND barrier_id = ? AND reason = ?`,
      [row.gid, row.branchId, row.op, row.barrierId, row.reason],
    );
  }

  override async purge(gids: readonly string[]): Promise<void> {
    await this.connection.query(`DELETE FROM ${this.barrier} WHERE gid IN (SELECT value FROM json_each(?))`, [
      JSON.stringify(gids),
    ]);
  }

  private select(key: BarrierKey): Statement {
    return {
      sql: `
        SELECT reason FROM ${this.barrier}
         WHERE gid = ? AND branch_id = ? AND op = ? AND barrier_id = ?`,
      params: [key.gid, key.branchId, key.op, key.barrierId],
    };
  }
}

function runStatement(run: RunNow, { sql, params }: Statement): unknown[] {
  return run(sql, params).rows;
}
