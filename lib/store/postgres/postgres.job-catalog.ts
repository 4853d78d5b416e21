import type { InternalConnection, Statement } from '../connections/internal.connection.js';
import {
  JobCatalog,
  MAX_OVERDUE_ROWS,
  MAX_OVERDUE_STEPS,
  type JobFilter,
  type SweptRow,
} from '../job-catalog.js';
import type { JobRow } from '../job-table.js';

/** Every column of a job, its times as epoch milliseconds. */
const POSTGRES_JOB_COLUMNS = `
  j.gid, j.name, j.status, j.steps, j.step_index, j.step_name, j.attempts, j.attempt_log, j.owner, j.lookup, j.error,
  (extract(epoch FROM j.created_at) * 1000)::float8 AS created_ms,
  (extract(epoch FROM j.due_at) * 1000)::float8 AS due_ms,
  (extract(epoch FROM j.ended_at) * 1000)::float8 AS ended_ms`;

/** Looking up, repairing and sweeping jobs on PostgreSQL. */
export class PostgresJobCatalog extends JobCatalog {
  constructor(
    private readonly connection: InternalConnection,
    /** Qualified and quoted. */
    private readonly jobs: string,
  ) {
    super();
  }

  override findStatement(gid: string): Statement {
    return { sql: `SELECT ${POSTGRES_JOB_COLUMNS} FROM ${this.jobs} j WHERE j.gid = $1`, params: [gid] };
  }

  override async list(filter: JobFilter): Promise<JobRow[]> {
    const { rows } = await this.connection.query(
      `
      SELECT ${POSTGRES_JOB_COLUMNS}
        FROM ${this.jobs} j
       WHERE ($1::text[] IS NULL OR j.status = ANY ($1::text[]))
         AND ($2::text IS NULL OR j.step_name = $2::text)
         AND ($3::text IS NULL OR j.name = $3::text)
         AND ($4::float8 IS NULL OR j.created_at >= to_timestamp($4::float8 / 1000))
         AND ($5::float8 IS NULL OR j.created_at < to_timestamp($5::float8 / 1000))
         AND ($6::text IS NULL OR j.gid < $6::text)
       ORDER BY j.gid DESC
       LIMIT $7`,
      [
        filter.status ?? null,
        filter.step ?? null,
        filter.name ?? null,
        filter.createdAfter?.getTime() ?? null,
        filter.createdBefore?.getTime() ?? null,
        filter.before ?? null,
        filter.limit,
      ],
    );
    return rows as JobRow[];
  }

  override async retry(gid: string): Promise<boolean> {
    const { affected } = await this.connection.query(
      `
      UPDATE ${this.jobs} j
         SET status = 'submitted', attempts = 0, error = NULL, owner = NULL, due_at = clock_timestamp(), ended_at = NULL
       WHERE j.gid = $1 AND j.status = 'failed'`,
      [gid],
    );
    return affected > 0;
  }

  override async cancel(gid: string): Promise<boolean> {
    const { affected } = await this.connection.query(
      `
      UPDATE ${this.jobs} j
         SET status = 'canceled', owner = NULL, due_at = NULL, ended_at = clock_timestamp()
       WHERE j.gid = $1 AND j.status IN ('submitted', 'failed')`,
      [gid],
    );
    return affected > 0;
  }

  override async sweep(after: string, limit: number, retention: number): Promise<SweptRow[]> {
    const { rows } = await this.connection.query(
      `
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
      [after, limit, retention],
    );
    return rows as SweptRow[];
  }

  override async delete(gids: readonly string[]): Promise<void> {
    await this.connection.query(
      `
      WITH locked AS MATERIALIZED (
        SELECT l.gid FROM ${this.jobs} l
         WHERE l.gid = ANY ($1::text[]) AND l.status IN ('succeeded', 'canceled', 'rolledBack')
         ORDER BY l.gid
           FOR UPDATE SKIP LOCKED
      )
      DELETE FROM ${this.jobs} j USING locked WHERE j.gid = locked.gid`,
      [gids],
    );
  }

  /** The order is for the planner: it takes a third of all rows for overdue, and would read them all at once. */
  override async overdueSteps(known: readonly string[], overdue: number): Promise<string[]> {
    const { rows } = await this.connection.query(
      `
      SELECT DISTINCT o.step_name
        FROM (SELECT j.status, j.step_name
                FROM ${this.jobs} j
               WHERE j.due_at <= (SELECT clock_timestamp() - $2::float8 * interval '1 millisecond')
               ORDER BY j.due_at
               LIMIT $3) o
       WHERE o.status = 'submitted'
         AND o.step_name <> ALL ($1::text[])
       LIMIT $4`,
      [known, overdue, MAX_OVERDUE_ROWS, MAX_OVERDUE_STEPS],
    );
    return (rows as { step_name: string }[]).map((row) => row.step_name);
  }

  override async dueIn(steps: readonly string[]): Promise<number | string | null> {
    const { rows } = await this.connection.query(
      `
      SELECT (extract(epoch FROM min(j.due_at) - clock_timestamp()) * 1000)::float8 AS due_in
        FROM ${this.jobs} j
       WHERE j.status = 'prepared' OR (j.status = 'submitted' AND j.step_name = ANY ($1::text[]))`,
      [steps],
    );
    return (rows[0] as { due_in: number | null }).due_in;
  }

  override async elapse(milliseconds: number): Promise<void> {
    await this.connection.query(
      `
      UPDATE ${this.jobs} j
         SET created_at = j.created_at - t.passed, due_at = j.due_at - t.passed, ended_at = j.ended_at - t.passed
        FROM (SELECT $1::float8 * interval '1 millisecond' AS passed) t`,
      [milliseconds],
    );
  }
}
