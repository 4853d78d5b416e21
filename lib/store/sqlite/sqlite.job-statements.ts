import type { Statement } from '../connections/internal.connection.js';
import { MAX_OVERDUE_ROWS, MAX_OVERDUE_STEPS, type JobStatements } from '../job-statements.js';
import type { JobChange, JobQuery, NewJob } from '../job-store.js';

/** The columns of a `ClaimedJob`. */
export const CLAIMED_COLUMNS = `
  gid, status, steps, step_index AS stepIndex, attempts, attempt_log AS attemptLog, owner, lookup, error`;

/** The columns of a `JobRow`. */
const JOB_COLUMNS = `
  ${CLAIMED_COLUMNS}, name, step_name AS stepName, created_at AS createdAt, due_at AS dueAt, ended_at AS endedAt`;

/** Sorts after every gid, whose characters are ASCII. */
const BEYOND_EVERY_GID = '\u{10FFFF}';

/**
 * What SQLite does with one statement. Lists travel as JSON, so a statement has one text and stays prepared. Times are
 * epoch milliseconds of the host's clock.
 */
export class SqliteJobStatements implements JobStatements {
  constructor(
    /** Qualified and quoted. */
    private readonly jobs: string,
    private readonly now: () => number,
  ) {}

  insert(job: NewJob): Statement {
    const now = this.now();
    return {
      sql: `
        INSERT INTO ${this.jobs}
          (gid, name, status, steps, step_index, step_name, attempts, owner, lookup, created_at, due_at)
        VALUES (?, ?, ?, ?, 0, ?, 0, ?, ?, ?, ?)
            ON CONFLICT (gid) DO NOTHING`,
      params: [
        job.gid,
        job.name,
        job.status,
        job.steps,
        job.stepName,
        job.owner,
        job.lookup,
        now,
        now + Math.round(job.dueIn),
      ],
    };
  }

  change(change: JobChange): Statement {
    const now = this.now();
    const keep = change.due === 'keep';
    return {
      sql: `
        UPDATE ${this.jobs}
           SET status = ?,
               step_index = ?,
               step_name = ?,
               attempts = ?,
               attempt_log = COALESCE(?, attempt_log),
               error = ?,
               owner = iif(?, NULL, owner),
               due_at = iif(?, due_at, ?),
               ended_at = ?
         WHERE gid = ? AND owner = ? AND step_index = ? AND status = 'submitted'`,
      params: [
        change.status,
        change.stepIndex,
        change.stepName,
        change.attempts,
        change.attemptLog,
        change.error,
        // Numbers: TypeORM 0.3 passes booleans on, which the driver refuses.
        Number(change.release),
        Number(keep),
        keep || change.due === null ? null : now + Math.round(change.due as number),
        change.status === 'submitted' ? null : now,
        change.gid,
        change.owner,
        change.atStep,
      ],
    };
  }

  deleteNew(gid: string, owner: string | null): Statement {
    return {
      sql: `DELETE FROM ${this.jobs} WHERE gid = ? AND owner IS ? AND step_index = 0 AND attempts = 0`,
      params: [gid, owner],
    };
  }

  find(gid: string): Statement {
    return { sql: `SELECT ${JOB_COLUMNS} FROM ${this.jobs} WHERE gid = ?`, params: [gid] };
  }

  list(query: JobQuery): Statement {
    const status = query.status ? JSON.stringify(query.status) : null;
    const after = query.createdAfter?.getTime() ?? null;
    const before = query.createdBefore?.getTime() ?? null;
    return {
      sql: `
      SELECT ${JOB_COLUMNS}
        FROM ${this.jobs}
       WHERE (? IS NULL OR status IN (SELECT value FROM json_each(?)))
         AND (? IS NULL OR step_name = ?)
         AND (? IS NULL OR name = ?)
         AND (? IS NULL OR created_at >= ?)
         AND (? IS NULL OR created_at < ?)
         AND gid < ?
       ORDER BY gid DESC
       LIMIT ?`,
      params: [
        ...[status, status],
        ...[query.step ?? null, query.step ?? null],
        ...[query.name ?? null, query.name ?? null],
        ...[after, after],
        ...[before, before],
        query.before ?? BEYOND_EVERY_GID,
        query.limit,
      ],
    };
  }

  retry(gid: string): Statement {
    return {
      sql: `
      UPDATE ${this.jobs}
         SET status = 'submitted', attempts = 0, error = NULL, owner = NULL, due_at = ?, ended_at = NULL
       WHERE gid = ? AND status = 'failed'`,
      params: [this.now(), gid],
    };
  }

  cancel(gid: string): Statement {
    return {
      sql: `
      UPDATE ${this.jobs}
         SET status = 'canceled', owner = NULL, due_at = NULL, ended_at = ?
       WHERE gid = ? AND status IN ('submitted', 'failed')`,
      params: [this.now(), gid],
    };
  }

  sweep(after: string, limit: number, retention: number): Statement {
    const oldest = this.now() - retention;
    return {
      sql: `
      WITH page AS (
        SELECT gid, lookup,
               status IN ('succeeded', 'canceled', 'rolledBack') AND ended_at <= ? AS expired, created_at > ? AS young
          FROM ${this.jobs}
         WHERE gid > ?
         ORDER BY gid
         LIMIT ?
      )
      SELECT gid, lookup, expired, young
        FROM page
       WHERE expired OR gid = (SELECT max(gid) FROM page)
       ORDER BY gid`,
      params: [oldest, oldest, after, limit],
    };
  }

  delete(gids: readonly string[]): Statement {
    return {
      sql: `
      DELETE FROM ${this.jobs}
       WHERE gid IN (SELECT value FROM json_each(?)) AND status IN ('succeeded', 'canceled', 'rolledBack')`,
      params: [JSON.stringify(gids)],
    };
  }

  overdueSteps(known: readonly string[], overdue: number): Statement {
    return {
      sql: `
      SELECT DISTINCT step_name AS stepName
        FROM (SELECT status, step_name
                FROM ${this.jobs}
               WHERE due_at <= ?
               ORDER BY due_at
               LIMIT ?)
       WHERE status = 'submitted'
         AND step_name NOT IN (SELECT value FROM json_each(?))
       LIMIT ?`,
      params: [this.now() - overdue, MAX_OVERDUE_ROWS, JSON.stringify(known), MAX_OVERDUE_STEPS],
    };
  }

  dueIn(steps: readonly string[]): Statement {
    return {
      sql: `
      SELECT min(due_at) - ? AS dueIn
        FROM ${this.jobs}
       WHERE status = 'prepared'
          OR (status = 'submitted' AND step_name IN (SELECT value FROM json_each(?)))`,
      params: [this.now(), JSON.stringify(steps)],
    };
  }

  elapse(milliseconds: number): Statement {
    return {
      sql: `UPDATE ${this.jobs} SET created_at = created_at - ?, due_at = due_at - ?, ended_at = ended_at - ?`,
      params: [milliseconds, milliseconds, milliseconds],
    };
  }
}
