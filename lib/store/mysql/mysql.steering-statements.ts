import type { Statement } from '../connections/internal.connection.js';
import { questionMarkSql as sql, RawSql, type Fragment } from '../sql-template.js';
import { RETRIED, SteeringStatements } from '../steering/steering-statements.js';
import { microseconds } from './mysql.values.js';

/**
 * What is done to jobs by hand, on MySQL and MariaDB. A scan of another index would lock every row that it passes. On TiDB a locked
 * row holds up the batch that it is in, which is tried again a few times.
 */
export class MysqlSteeringStatements extends SteeringStatements {
  protected override lock(gids: readonly string[], condition: Fragment): Statement {
    return sql`
      SELECT gid FROM ${this.jobs} FORCE INDEX (PRIMARY)
       WHERE gid IN (${gids}) AND ${condition}
       ORDER BY gid
         FOR UPDATE ${new RawSql(this.lockWait)}`;
  }

  protected override retryAt(gids: readonly string[], since: number, delays: readonly number[]): Statement {
    const start = this.notation.timeOf(new Date(since));
    return sql`
      UPDATE ${this.jobs} FORCE INDEX (PRIMARY)
         SET ${RETRIED},
             due_at = GREATEST(UTC_TIMESTAMP(6),
                               ${start} + INTERVAL ELT(FIELD(gid, ${gids}), ${delays.map(microseconds)}) MICROSECOND)
       WHERE gid IN (${gids})`;
  }
}
