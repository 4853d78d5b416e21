import type { Statement } from '../connections/internal.connection.js';
import { questionMarkSql as sql, type Fragment } from '../sql-template.js';
import { RETRIED, SteeringStatements } from '../steering/steering-statements.js';

/** What is done to jobs by hand, on SQLite. The transaction around holds the only lock there is. */
export class SqliteSteeringStatements extends SteeringStatements {
  protected override lock(gids: readonly string[], condition: Fragment): Statement {
    return sql`
      SELECT gid FROM ${this.jobs}
       WHERE gid IN (SELECT value FROM json_each(${JSON.stringify(gids)})) AND ${condition}
       ORDER BY gid`;
  }

  protected override retryAt(gids: readonly string[], since: number, delays: readonly number[]): Statement {
    const due = gids.map((gid, index) => [gid, since + Math.round(delays[index]!)]);
    return sql`
      UPDATE ${this.jobs}
         SET ${RETRIED},
             due_at = max(${this.notation.now}, c.due)
        FROM (SELECT json_extract(value, '$[0]') AS again, json_extract(value, '$[1]') AS due
                FROM json_each(${JSON.stringify(due)})) AS c
       WHERE gid = c.again`;
  }
}
