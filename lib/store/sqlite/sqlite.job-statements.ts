import type { Statement } from '../connections/internal.connection.js';
import { MAX_OVERDUE_ROWS, MAX_OVERDUE_STEPS, type JobStatements } from '../job-statements.js';
import type { JobChange, JobQuery, NewJob } from '../job-store.js';
import { questionMarkSql as sql, RawSql } from '../sql-template.js';

/** The columns of a `ClaimedJob`. */
export const CLAIMED_COLUMNS = new RawSql(`
  gid, status, steps, step_index AS stepIndex, attempts, attempt_log AS attemptLog, owner, lookup, error`);

/** The columns of a `JobRow`. */
const JOB_COLUMNS = new RawSql(`
  ${CLAIMED_COLUMNS}, name, step_name AS stepName, created_at AS createdAt, due_at AS dueAt, ended_at AS endedAt`);

/** Sorts after every gid, whose characters are ASCII. */
const BEYOND_EVERY_GID = '\u{10FFFF}';

/**
 * What SQLite does with one statement. Lists travel as JSON, so a statement has one text and stays prepared. Times are
 * epoch milliseconds of the host's clock.
 */
export class SqliteJobStatements implements JobStatements {
  constructor(
    private readonly jobs: RawSql,
    private readonly now: () => number,
  ) {}

  insert(job: NewJob): Statement {
    const now = this.now();
    return sql`
        INSERT INTO ${this.jobs}
          (gid, name, status, steps, step_index, step_name, attempts, owner, lookup, created_at, due_at)
        VALUES (${job.gid}, ${job.name}, ${job.status}, ${job.steps}, 0, ${job.stepName}, 0, ${job.owner},
                ${job.lookup}, ${now}, ${now + Math.round(job.dueIn)})
            ON CONFLICT (gid) DO NOTHING`;
  }

  change(change: JobChange): Statement {
    const now = this.now();
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
             attempt_log = COALESCE(${change.attemptLog}, attempt_log),
             error = ${change.error},
             owner = iif(${Number(change.release)}, NULL, owner),
             due_at = iif(${Number(keep)}, due_at, ${dueAt}),
             ended_at = ${endedAt}
       WHERE gid = ${change.gid} AND owner = ${change.owner} AND step_index = ${change.atStep} AND status = 'submitted'`;
  }

  deleteNew(gid: string, owner: string | null): Statement {
    return sql`DELETE FROM ${this.jobs} WHERE gid = ${gid} AND owner IS ${owner} AND step_index = 0 AND attempts = 0`;
  }

  find(gid: string): Statement {
    return sql`SELECT ${JOB_COLUMNS} FROM ${this.jobs} WHERE gid = ${gid}`;
  }

  list(query: JobQuery): Statement {
    const { step = null, name = null, before = BEYOND_EVERY_GID, limit } = query;
    const status = query.status ? JSON.stringify(query.status) : null;
    const createdAfter = query.createdAfter?.getTime() ?? null;
    const createdBefore = query.createdBefore?.getTime() ?? null;
    return sql`
      SELECT ${JOB_COLUMNS}
        FROM ${this.jobs}
       WHERE (${status} IS NULL OR status IN (SELECT value FROM json_each(${status})))
         AND (${step} IS NULL OR step_name = ${step})
         AND (${name} IS NULL OR name = ${name})
         AND (${createdAfter} IS NULL OR created_at >= ${createdAfter})
         AND (${createdBefore} IS NULL OR created_at < ${createdBefore})
         AND gid < ${before}
       ORDER BY gid DESC
       LIMIT ${limit}`;
  }

  retry(gid: string): Statement {
    return sql`
      UPDATE ${this.jobs}
         SET status = 'submitted', attempts = 0, error = NULL, owner = NULL, due_at = ${this.now()}, ended_at = NULL
       WHERE gid = ${gid} AND status = 'failed'`;
  }

  cancel(gid: string): Statement {
    return sql`
      UPDATE ${this.jobs}
         SET status = 'canceled', owner = NULL, due_at = NULL, ended_at = ${this.now()}
       WHERE gid = ${gid} AND status IN ('submitted', 'failed')`;
  }

  sweep(after: string, limit: number, retention: number): Statement {
    const oldest = this.now() - retention;
    return sql`
      WITH page AS (
        SELECT gid, lookup,
               status IN ('succeeded', 'canceled', 'rolledBack') AND ended_at <= ${oldest} AS expired,
               created_at > ${oldest} AS young
          FROM ${this.jobs}
         WHERE gid > ${after}
         ORDER BY gid
         LIMIT ${limit}
      )
      SELECT gid, lookup, expired, young
        FROM page
       WHERE expired OR gid = (SELECT max(gid) FROM page)
       ORDER BY gid`;
  }

  delete(gids: readonly string[]): Statement {
    return sql`
      DELETE FROM ${this.jobs}
       WHERE gid IN (SELECT value FROM json_each(${JSON.stringify(gids)}))
         AND status IN ('succeeded', 'canceled', 'rolledBack')`;
  }

  overdueSteps(known: readonly string[], overdue: number): Statement {
    return sql`
      SELECT DISTINCT step_name AS stepName
        FROM (SELECT status, step_name
                FROM ${this.jobs}
               WHERE due_at <= ${this.now() - overdue}
               ORDER BY due_at
               LIMIT ${MAX_OVERDUE_ROWS})
       WHERE status = 'submitted'
         AND step_name NOT IN (SELECT value FROM json_each(${JSON.stringify(known)}))
       LIMIT ${MAX_OVERDUE_STEPS}`;
  }

  dueIn(steps: readonly string[]): Statement {
    return sql`
      SELECT min(due_at) - ${this.now()} AS dueIn
        FROM ${this.jobs}
       WHERE status = 'prepared'
          OR (status = 'submitted' AND step_name IN (SELECT value FROM json_each(${JSON.stringify(steps)})))`;
  }

  elapse(milliseconds: number): Statement {
    return sql`
      UPDATE ${this.jobs}
         SET created_at = created_at - ${milliseconds}, due_at = due_at - ${milliseconds},
             ended_at = ended_at - ${milliseconds}`;
  }
}
