import type { InternalConnection, Statement } from '../connections/internal.connection.js';
import { BARRIER_TRANS_TYPE, BarrierTable, type BarrierKey, type BarrierRow } from '../barrier-table.js';
import { placeholders } from './mysql.values.js';

/** The barrier table on MySQL and MariaDB. */
export class MysqlBarrierTable extends BarrierTable {
  constructor(
    private readonly connection: InternalConnection,
    /** Qualified and quoted. */
    private readonly barrier: string,
  ) {
    super();
  }

  override insertStatement(row: BarrierRow): Statement {
    return {
      sql: `
        INSERT IGNORE INTO ${this.barrier} (trans_type, gid, branch_id, op, barrier_id, reason)
        VALUES (?, ?, ?, ?, ?, ?)`,
      params: [BARRIER_TRANS_TYPE, row.gid, row.branchId, row.op, row.barrierId, row.reason],
    };
  }

  override async reasonOf(key: BarrierKey): Promise<string | undefined> {
    const { sql, params } = this.select(key);
    const { rows } = await this.connection.query(sql, params);
    return (rows as { reason: string }[])[0]?.reason;
  }

  /**
   * The lock wait time-out of these databases is a setting of the session, in whole seconds, and is left
   * alone: asking for the row with NOWAIT finds out whether a transaction that is still open holds it.
   * Only one that takes the key between the two statements is waited for.
   */
  override decide(row: BarrierRow): Promise<string | undefined> {
    return this.connection.transaction(
      async (run) => {
        const select = this.select(row);
        const found = await run(`${select.sql} FOR UPDATE NOWAIT`, select.params);
        const [existing] = found.rows as { reason: string }[];
        if (existing) return existing.reason;
        const insert = this.insertStatement(row);
        await run(insert.sql, insert.params);
        const { rows } = await run(select.sql, select.params);
        return (rows as { reason: string }[])[0]?.reason;
      },
      { retry: false },
    );
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
    await this.connection.query(`DELETE FROM ${this.barrier} WHERE gid IN (${placeholders(gids)})`, gids);
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
