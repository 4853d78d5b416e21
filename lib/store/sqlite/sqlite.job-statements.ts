import type { Statement } from '../connections/internal.connection.js';
import { isTraced, JobStatements, NEW_COLUMNS, newValues, TRACED_COLUMNS } from '../job-statements.js';
import type { JobChange, NewJob } from '../job-store.js';
import { questionMarkSql as sql, type RawSql } from '../sql-template.js';
import type { SqliteNotation } from './sqlite.notation.js';

/**
 * What SQLite does with one statement. Lists travel as JSON, so a statement has one text and stays prepared.
 */
export class SqliteJobStatements extends JobStatements {
  constructor(
    jobs: RawSql,
    protected override readonly notation: SqliteNotation,
  ) {
    super(jobs, notation);
  }

  override insert(job: NewJob): Statement {
    const { now } = this.notation;
    const traced = isTraced([job]);
    return sql`
        INSERT INTO ${this.jobs} (${traced ? TRACED_COLUMNS : NEW_COLUMNS})
        VALUES (${[...newValues(job, traced), now, now + Math.round(job.dueIn)]})
            ON CONFLICT (gid) DO NOTHING`;
  }

  override change(change: JobChange): Statement {
    const { now } = this.notation;
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
             error_name = iif(${Number(change.error === null)}, NULL, COALESCE(${change.errorName ?? null}, error_name)),
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
}
