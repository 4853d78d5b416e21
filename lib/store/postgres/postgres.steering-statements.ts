import type { Statement } from '../connections/internal.connection.js';
import { numberedSql as sql, type Fragment } from '../sql-template.js';
import { RETRIED, SteeringStatements } from '../steering/steering-statements.js';

/** What is done to jobs by hand, on PostgreSQL. */
export class PostgresSteeringStatements extends SteeringStatements {
  protected override lock(gids: readonly string[], condition: Fragment): Statement {
    return sql`
      SELECT gid FROM ${this.jobs}
       WHERE gid = ANY (${gids}::text[]) AND ${condition}
       ORDER BY gid
         FOR UPDATE SKIP LOCKED`;
  }

  protected override retryAt(gids: readonly string[], since: number, delays: readonly number[]): Statement {
    return sql`
      UPDATE ${this.jobs} j
         SET ${RETRIED},
             due_at = GREATEST(clock_timestamp(),
                               to_timestamp(${since}::float8 / 1000) + c.delay * interval '1 millisecond')
        FROM unnest(${gids}::text[], ${delays}::float8[]) AS c(gid, delay)
       WHERE j.gid = c.gid AND j.gid = ANY (${gids}::text[])`;
  }
}
