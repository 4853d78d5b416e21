import type { Statement } from '../connections/internal.connection.js';
import { JobStatements, NEW_COLUMNS, newValues } from '../job-statements.js';
import type { JobChange, NewJob } from '../job-store.js';
import { fragment, questionMarkSql as sql, RawSql, type Fragment } from '../sql-template.js';

/**
 * What SQLite does with one statement. Lists travel as JSON, so a statement has one text and stays prepared. Times are
 * epoch milliseconds of the host's clock.
 */
export class SqliteJobStatements extends JobStatements {
  constructor(
    jobs: RawSql,
    private readonly clock: () => number,
  ) {
    super(jobs, sql);
  }

  override insert(job: NewJob): Statement {
    const now = this.now;
    return sql`
        INSERT INTO ${this.jobs} (${NEW_COLUMNS})
        VALUES (${[...newValues(job), now, now + Math.round(job.dueIn)]})
            ON CONFLICT (gid) DO NOTHING`;
  }

  override change(change: JobChange): Statement {
    const now = this.now;
    const keep = change.due === 'keep';
    const dueAt = keep || change.due === null ? null : now + Math.round(change.due as number);
    const endedAt = change.status === 'submitted' ? null : now;
    // Numbers for booleans: TypeORM 0.3 passes booleans on, which the driver refuses.
    return sql`
      UPDATE ${this.jobs}
         SET status = ${change.status},
             step_index = ${change.stepIndex},
             step_name = ${change.stepName},
             attempts = ${change.attempts},
             mark = ${change.mark},
             crashes = ${change.crashes},
             attempt_log = COALESCE(${change.attemptLog}, attempt_log),
             error = ${change.error},
             owner = iif(${Number(change.release)}, NULL, owner),
             due_at = iif(${Number(keep)}, due_at, ${dueAt}),
             ended_at = ${endedAt}
       WHERE gid = ${change.gid} AND owner = ${change.owner} AND step_index = ${change.atStep} AND status = 'submitted'`;
  }

  override delete(gids: readonly string[]): Statement {
    return sql`
      DELETE FROM ${this.jobs}
       WHERE gid IN (SELECT value FROM json_each(${JSON.stringify(gids)}))
         AND status IN ('succeeded', 'canceled', 'rolledBack')`;
  }

  protected override get now(): number {
    return this.clock();
  }

  protected override bytesOf(column: string): RawSql {
    return new RawSql(`length(CAST(${column} AS BLOB))`);
  }

  protected override duration(milliseconds: number): Fragment {
    return fragment`${milliseconds}`;
  }

  protected override timeOf(date: Date): Fragment {
    return fragment`${date.getTime()}`;
  }

  protected override epochOf(time: RawSql | number): Fragment {
    return fragment`${time}`;
  }

  protected override among(column: string, values: readonly string[]): Fragment {
    return fragment`${new RawSql(column)} IN (SELECT value FROM json_each(${JSON.stringify(values)}))`;
  }
}
