import { Barrier, type BarrierRow } from '../barrier.js';
import type { Statement, StatementResult } from '../connections/internal.connection.js';
import { numberedSql as sql } from '../sql-template.js';

/** The barrier on PostgreSQL. */
export class PostgresBarrier extends Barrier {
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
