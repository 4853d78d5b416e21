import type { InternalConnection, Statement } from '../connections/internal.connection.js';
import { BARRIER_TRANS_TYPE, BarrierTable, type BarrierKey, type BarrierRow } from '../barrier-table.js';

/** The barrier table on PostgreSQL. */
export class PostgresBarrierTable extends BarrierTable {
  constructor(
    private readonly connection: InternalConnection,
    /** Qualified and quoted. */
    private readonly barrier: string,
  ) {
    super();
  }

  override insertStatement(row: BarrierRow): Statement {
    return {
      // Without naming the constraint, so that it works with a table that another library has created.
      sql: `
        INSERT INTO ${this.barrier} (trans_type, gid, branch_id, op, barrier_id, reason)
        VALUES ($1, $2, $3, $4, $5, $6)
            ON CONFLICT DO NOTHING`,
      params: [BARRIER_TRANS_TYPE, row.gid, row.branchId, row.op, row.barrierId, row.reason],
    };
  }

  override async reasonOf(key: BarrierKey): Promise<string | undefined> {
    const { sql, params } = this.select(key);
    const { rows } = await this.connection.query(sql, params);
    return (rows as { reason: string }[])[0]?.reason;
  }

  override decide(row: BarrierRow, lockTimeout: number): Promise<string | undefined> {
    return this.connection.transaction(
      async (run) => {
        await run(`SELECT set_config('lock_timeout', $1, true)`, [`${Math.ceil(lockTimeout)}ms`]);
        const insert = this.insertStatement(row);
        await run(insert.sql, insert.params);
        const select = this.select(row);
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
       WHERE gid = $1 AND branch_id = $2 AND op = $3 AND barrier_id = $4 AND reason = $5`,
      [row.gid, row.branchId, row.op, row.barrierId, row.reason],
    );
  }

  override async purge(gids: readonly string[]): Promise<void> {
    await this.connection.query(`DELETE FROM ${this.barrier} WHERE gid = ANY ($1::text[])`, [gids]);
  }

  private select(key: BarrierKey): Statement {
    return {
      sql: `
        SELECT reason FROM ${this.barrier}
         WHERE gid = $1 AND branch_id = $2 AND op = $3 AND barrier_id = $4`,
      params: [key.gid, key.branchId, key.op, key.barrierId],
    };
  }
}
