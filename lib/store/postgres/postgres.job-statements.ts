import type { Statement } from '../connections/internal.connection.js';
import { MAX_OVERDUE_ROWS, MAX_OVERDUE_STEPS, type JobStatements } from '../job-statements.js';
import type { JobChange, JobQuery, NewJob } from '../job-store.js';

/** The columns of a `ClaimedJob`. */
export const CLAIMED_COLUMNS = `
  j.gid, j.status, j.steps, j.step_index AS "stepIndex", j.attempts, j.attempt_log AS "attemptLog", j.owner, j.lookup,
  j.error`;

/** The columns of a `JobRow`. */
const JOB_COLUMNS = `
  ${CLAIMED_COLUMNS}, j.name, j.step_name AS "stepName",
  (extract(epoch FROM j.created_at) * 1000)::float8 AS "createdAt",
  (extract(epoch FROM j.due_at) * 1000)::float8 AS "dueAt",
  (extract(epoch FROM j.ended_at) * 1000)::float8 AS "endedAt"`;

/** What PostgreSQL does with one statement. */
export class PostgresJobStatements implements JobStatements {
  private readonly insertSql: string;

  constructor(
    /** Qualified and quoted. */
    private readonly jobs: string,
  ) {
    // Sent with every job: built once, and without the layout.
    this.insertSql = `
      INSERT INTO ${jobs}
        (gid, name, status, steps, step_index, step_name, attempts, owner, lookup, created_at, due_at)
      VALUES ($1, $2, $3, $4, 0, $5, 0, $6, $7,
              clock_timestamp(), clock_timestamp() + $8::float8 * interval '1 millisecond')`
      .replace(/\s+/g, ' ')
      .trim();
  }

  insert(job: NewJob): Statement {
    const { sql, params } = this.insertNew(job);
    return { sql: `${sql} ON CONFLICT (gid) DO NOTHING`, params };
  }

  /** For a gid that nobody else can have: finding it taken is an error. */
  insertNew(job: NewJob): Statement {
    return {
      sql: this.insertSql,
      params: [job.gid, job.name, job.status, job.steps, job.stepName, job.owner, job.lookup, job.dueIn],
    };
  }

  insertAll(jobs: readonly NewJob[]): Statement {
    return {
      sql: `
      INSERT INTO ${this.jobs} AS j
        (gid, name, status, steps, step_index, step_name, attempts, owner, lookup, created_at, due_at)
      SELECT n.gid, n.name, n.status, n.steps, 0, n.step_name, 0, n.owner, n.lookup,
             clock_timestamp(), clock_timestamp() + n.due_in * interval '1 millisecond'
        FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::float8[])
          AS n(gid, name, status, steps, step_name, owner, lookup, due_in)
       ORDER BY n.gid COLLATE "C"
          ON CONFLICT (gid) DO NOTHING
      RETURNING j.gid`,
      params: [
        jobs.map((job) => job.gid),
        jobs.map((job) => job.name),
        jobs.map((job) => job.status),
        jobs.map((job) => job.steps),
        jobs.map((job) => job.stepName),
        jobs.map((job) => job.owner),
        jobs.map((job) => job.lookup),
        jobs.map((job) => job.dueIn),
      ],
    };
  }

  change(change: JobChange): Statement {
    const keep = change.due === 'keep';
    return {
      sql: `
        UPDATE ${this.jobs} j
           SET status = $4::text,
               step_index = $5,
               step_name = $6,
               attempts = $7,
               attempt_log = COALESCE($8, j.attempt_log),
               error = $9,
               owner = CASE WHEN $12::bool THEN NULL ELSE j.owner END,
               due_at = CASE WHEN $11::bool THEN j.due_at
                             ELSE clock_timestamp() + $10::float8 * interval '1 millisecond' END,
               ended_at = CASE WHEN $4::text = 'submitted' THEN NULL ELSE clock_timestamp() END
         WHERE j.gid = $1 AND j.owner = $2 AND j.step_index = $3 AND j.status = 'submitted'`,
      params: [
        change.gid,
        change.owner,
        change.atStep,
        change.status,
        change.stepIndex,
        change.stepName,
        change.attempts,
        change.attemptLog,
        change.error,
        keep ? null : change.due,
        keep,
        change.release,
      ],
    };
  }

  deleteNew(gid: string, owner: string | null): Statement {
    return {
      sql: `
      DELETE FROM ${this.jobs} j
       WHERE j.gid = $1 AND j.owner IS NOT DISTINCT FROM $2 AND j.step_index = 0 AND j.attempts = 0`,
      params: [gid, owner],
    };
  }

  find(gid: string): Statement {
    return { sql: `SELECT ${JOB_COLUMNS} FROM ${this.jobs} j WHERE j.gid = $1`, params: [gid] };
  }

  list(query: JobQuery): Statement {
    return {
      sql: `
      SELECT ${JOB_COLUMNS}
        FROM ${this.jobs} j
       WHERE ($1::text[] IS NULL OR j.status = ANY ($1::text[]))
         AND ($2::text IS NULL OR j.step_name = $2::text)
         AND ($3::text IS NULL OR j.name = $3::text)
         AND ($4::float8 IS NULL OR j.created_at >= to_timestamp($4::float8 / 1000))
         AND ($5::float8 IS NULL OR j.created_at < to_timestamp($5::float8 / 1000))
         AND ($6::text IS NULL OR j.gid < $6::text)
       ORDER BY j.gid DESC
       LIMIT $7`,
      params: [
        query.status ?? null,
        query.step ?? null,
        query.name ?? null,
        query.createdAfter?.getTime() ?? null,
        query.createdBefore?.getTime() ?? null,
        query.before ?? null,
        query.limit,
      ],
    };
  }

  retry(gid: string): Statement {
    return {
      sql: `
      UPDATE ${this.jobs} j
         SET status = 'submitted', attempts = 0, error = NULL, owner = NULL, due_at = clock_timestamp(), ended_at = NULL
       WHERE j.gid = $1 AND j.status = 'failed'`,
      params: [gid],
    };
  }

  cancel(gid: string): Statement {
    return {
      sql: `
      UPDATE ${this.jobs} j
         SET status = 'canceled', owner = NULL, due_at = NULL, ended_at = clock_timestamp()
       WHERE j.gid = $1 AND j.status IN ('submitted', 'failed')`,
      params: [gid],
    };
  }

  sweep(after: string, limit: number, retention: number): Statement {
    return {
      sql: `
      WITH oldest AS MATERIALIZED (
        SELECT clock_timestamp() - $3::float8 * interval '1 millisecond' AS kept
      ), page AS MATERIALIZED (
        SELECT j.gid, j.lookup,
               j.status IN ('succeeded', 'canceled', 'rolledBack') AND j.ended_at <= (SELECT kept FROM oldest) AS expired,
               j.created_at > (SELECT kept FROM oldest) AS young
          FROM ${this.jobs} j
         WHERE j.gid > $1
         ORDER BY j.gid
         LIMIT $2
      )
      SELECT gid, lookup, expired, young
        FROM page
       WHERE expired OR gid = (SELECT max(gid) FROM page)
       ORDER BY gid`,
      params: [after, limit, retention],
    };
  }

  delete(gids: readonly string[]): Statement {
    return {
      sql: `
      WITH locked AS MATERIALIZED (
        SELECT l.gid FROM ${this.jobs} l
         WHERE l.gid = ANY ($1::text[]) AND l.status IN ('succeeded', 'canceled', 'rolledBack')
         ORDER BY l.gid
           FOR UPDATE SKIP LOCKED
      )
      DELETE FROM ${this.jobs} j USING locked WHERE j.gid = locked.gid`,
      params: [gids],
    };
  }

  /** The order is for the planner: it expects a third of all rows to be overdue, and would read them all at once. */
  overdueSteps(known: readonly string[], overdue: number): Statement {
    return {
      sql: `
      SELECT DISTINCT o.step_name AS "stepName"
        FROM (SELECT j.status, j.step_name
                FROM ${this.jobs} j
               WHERE j.due_at <= (SELECT clock_timestamp() - $2::float8 * interval '1 millisecond')
               ORDER BY j.due_at
               LIMIT $3) o
       WHERE o.status = 'submitted'
         AND o.step_name <> ALL ($1::text[])
       LIMIT $4`,
      params: [known, overdue, MAX_OVERDUE_ROWS, MAX_OVERDUE_STEPS],
    };
  }

  dueIn(steps: readonly string[]): Statement {
    return {
      sql: `
      SELECT (extract(epoch FROM min(j.due_at) - clock_timestamp()) * 1000)::float8 AS "dueIn"
        FROM ${this.jobs} j
       WHERE j.status = 'prepared' OR (j.status = 'submitted' AND j.step_name = ANY ($1::text[]))`,
      params: [steps],
    };
  }

  elapse(milliseconds: number): Statement {
    return {
      sql: `
      UPDATE ${this.jobs} j
         SET created_at = j.created_at - t.passed, due_at = j.due_at - t.passed, ended_at = j.ended_at - t.passed
        FROM (SELECT $1::float8 * interval '1 millisecond' AS passed) t`,
      params: [milliseconds],
    };
  }
}
