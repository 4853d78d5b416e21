import type { Statement } from '../connections/internal.connection.js';
import { isTraced, JobStatements } from '../job-statements.js';
import type { JobChange, NewJob } from '../job-store.js';
import { numberedSql as sql, type RawSql } from '../sql-template.js';
import { PostgresNotation } from './postgres.notation.js';

/** What PostgreSQL does with one statement. */
export class PostgresJobStatements extends JobStatements {
  private readonly insertSql: string;
  private readonly tracedInsertSql: string;

  constructor(jobs: RawSql) {
    super(jobs, new PostgresNotation());
    // Sent with every job: built once, and without the layout.
    this.insertSql = `
      INSERT INTO ${jobs}
        (gid, name, status, steps, step_index, step_name, attempts, owner, lookup, created_at, due_at)
      VALUES ($1, $2, $3, $4, 0, $5, 0, $6, $7,
              clock_timestamp(), clock_timestamp() + $8::float8 * interval '1 millisecond')`
      .replace(/\s+/g, ' ')
      .trim();
    this.tracedInsertSql = `
      INSERT INTO ${jobs}
        (gid, name, status, steps, step_index, step_name, attempts, owner, lookup, created_at, due_at, trace)
      VALUES ($1, $2, $3, $4, 0, $5, 0, $6, $7,
              clock_timestamp(), clock_timestamp() + $8::float8 * interval '1 millisecond', $9)`
      .replace(/\s+/g, ' ')
      .trim();
  }

  override insert(job: NewJob): Statement {
    const { sql: insert, params } = this.insertNew(job);
    return { sql: `${insert} ON CONFLICT (gid) DO NOTHING`, params };
  }

  /** For a gid that nobody else can have: finding it taken is an error. */
  insertNew(job: NewJob): Statement {
    const { gid, name, status, steps, stepName, owner, lookup, dueIn, trace } = job;
    const params = [gid, name, status, steps, stepName, owner, lookup, dueIn];
    if (trace === undefined) return { sql: this.insertSql, params };
    return { sql: this.tracedInsertSql, params: [...params, trace] };
  }

  insertAll(jobs: readonly NewJob[]): Statement {
    const all = (column: keyof NewJob): unknown[] => jobs.map((job) => job[column] ?? null);
    if (isTraced(jobs)) return this.insertAllTraced(all);
    return sql`
      INSERT INTO ${this.jobs} AS j
        (gid, name, status, steps, step_index, step_name, attempts, owner, lookup, created_at, due_at)
      SELECT n.gid, n.name, n.status, n.steps, 0, n.step_name, 0, n.owner, n.lookup,
             clock_timestamp(), clock_timestamp() + n.due_in * interval '1 millisecond'
        FROM unnest(${all('gid')}::text[], ${all('name')}::text[], ${all('status')}::text[], ${all('steps')}::text[],
                    ${all('stepName')}::text[], ${all('owner')}::text[], ${all('lookup')}::text[], ${all('dueIn')}::float8[])
          AS n(gid, name, status, steps, step_name, owner, lookup, due_in)
       ORDER BY n.gid COLLATE "C"
          ON CONFLICT (gid) DO NOTHING
      RETURNING j.gid`;
  }

  private insertAllTraced(all: (column: keyof NewJob) => unknown[]): Statement {
    return sql`
      INSERT INTO ${this.jobs} AS j
        (gid, name, status, steps, step_index, step_name, attempts, owner, lookup, created_at, due_at, trace)
      SELECT n.gid, n.name, n.status, n.steps, 0, n.step_name, 0, n.owner, n.lookup,
             clock_timestamp(), clock_timestamp() + n.due_in * interval '1 millisecond', n.trace
        FROM unnest(${all('gid')}::text[], ${all('name')}::text[], ${all('status')}::text[], ${all('steps')}::text[],
                    ${all('stepName')}::text[], ${all('owner')}::text[], ${all('lookup')}::text[], ${all('dueIn')}::float8[],
                    ${all('trace')}::text[])
          AS n(gid, name, status, steps, step_name, owner, lookup, due_in, trace)
       ORDER BY n.gid COLLATE "C"
          ON CONFLICT (gid) DO NOTHING
      RETURNING j.gid`;
  }

  override change(change: JobChange): Statement {
    const keep = change.due === 'keep';
    return sql`
      UPDATE ${this.jobs} j
         SET status = ${change.status}::text,
             step_index = ${change.stepIndex},
             step_name = ${change.stepName},
             attempts = ${change.attempts},
             mark = ${change.mark},
             crashes = ${change.crashes},
             attempt_log = COALESCE(${change.attemptLog}, j.attempt_log),
             error = ${change.error},
             error_name = CASE WHEN ${change.error === null}::bool THEN NULL ELSE COALESCE(${change.errorName ?? null}, j.error_name) END,
             owner = CASE WHEN ${change.release}::bool THEN NULL ELSE j.owner END,
             due_at = CASE WHEN ${keep}::bool THEN j.due_at
                           ELSE clock_timestamp() + ${keep ? null : change.due}::float8 * interval '1 millisecond' END,
             ended_at = CASE WHEN ${change.status}::text = 'submitted' THEN NULL ELSE clock_timestamp() END
       WHERE j.gid = ${change.gid} AND j.owner = ${change.owner} AND j.step_index = ${change.atStep}
         AND j.status = 'submitted'`;
  }

  override delete(gids: readonly string[]): Statement {
    return sql`
      WITH locked AS MATERIALIZED (
        SELECT l.gid FROM ${this.jobs} l
         WHERE l.gid = ANY (${gids}::text[]) AND l.status IN ('succeeded', 'canceled', 'rolledBack')
         ORDER BY l.gid
           FOR UPDATE SKIP LOCKED
      )
      DELETE FROM ${this.jobs} j USING locked WHERE j.gid = locked.gid`;
  }
}
