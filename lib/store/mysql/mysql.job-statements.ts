import type { Statement } from '../connections/internal.connection.js';
import { MAX_OVERDUE_ROWS, MAX_OVERDUE_STEPS, type JobStatements } from '../job-statements.js';
import type { JobChange, JobQuery, NewJob } from '../job-store.js';
import { placeholders, questionMarkSql as sql, RawSql } from '../sql-template.js';
import { microseconds } from './mysql.values.js';

/** The columns of a `ClaimedJob`. */
export const CLAIMED_COLUMNS = new RawSql(`
  gid, status, steps, step_index AS stepIndex, attempts, attempt_log AS attemptLog, owner, lookup, error`);

/** The columns of a `JobRow`. */
const JOB_COLUMNS = new RawSql(`
  ${CLAIMED_COLUMNS}, name, step_name AS stepName,
  TIMESTAMPDIFF(MICROSECOND, TIMESTAMP'1970-01-01 00:00:00', created_at) / 1000 AS createdAt,
  TIMESTAMPDIFF(MICROSECOND, TIMESTAMP'1970-01-01 00:00:00', due_at) / 1000 AS dueAt,
  TIMESTAMPDIFF(MICROSECOND, TIMESTAMP'1970-01-01 00:00:00', ended_at) / 1000 AS endedAt`);

/** A point in time, from epoch microseconds; FROM_UNIXTIME would follow the session's time zone. */
const TIME_OF = `TIMESTAMPADD(MICROSECOND, ?, TIMESTAMP'1970-01-01 00:00:00')`;

/** What a `JobChange` writes; `assigned()` has the parameters. */
export const ASSIGNMENTS = `
  status = ?,
  step_index = ?,
  step_name = ?,
  attempts = ?,
  attempt_log = COALESCE(?, attempt_log),
  error = ?,
  owner = IF(?, NULL, owner),
  due_at = IF(?, due_at, UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND),
  ended_at = IF(?, NULL, UTC_TIMESTAMP(6))`;

export function assigned({ due, release, ...values }: JobChange): unknown[] {
  const { status, stepIndex, stepName, attempts, attemptLog, error } = values;
  const keep = due === 'keep';
  const dueIn = keep || due === null ? null : microseconds(due as number);
  const submitted = status === 'submitted';
  return [status, stepIndex, stepName, attempts, attemptLog, error, release, keep, dueIn, submitted];
}

/** What MySQL and MariaDB do with one statement. */
export class MysqlJobStatements implements JobStatements {
  constructor(private readonly jobs: RawSql) {}

  /** Plain INSERT: INSERT IGNORE would also store values that do not fit, cut. */
  insert(...jobs: readonly NewJob[]): Statement {
    const row = `(?, ?, ?, ?, 0, ?, 0, ?, ?, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND)`;
    return {
      sql: `
        INSERT INTO ${this.jobs}
          (gid, name, status, steps, step_index, step_name, attempts, owner, lookup, created_at, due_at)
        VALUES ${jobs.map(() => row).join(', ')}`,
      params: jobs.flatMap(({ gid, name, status, steps, stepName, owner, lookup, dueIn }) => {
        return [gid, name, status, steps, stepName, owner, lookup, microseconds(dueIn)];
      }),
    };
  }

  change(change: JobChange): Statement {
    return {
      sql: `
        UPDATE ${this.jobs}
           SET ${ASSIGNMENTS}
         WHERE gid = ? AND owner = ? AND step_index = ? AND status = 'submitted'`,
      params: [...assigned(change), change.gid, change.owner, change.atStep],
    };
  }

  deleteNew(gid: string, owner: string | null): Statement {
    return sql`DELETE FROM ${this.jobs} WHERE gid = ${gid} AND owner <=> ${owner} AND step_index = 0 AND attempts = 0`;
  }

  find(gid: string): Statement {
    return sql`SELECT ${JOB_COLUMNS} FROM ${this.jobs} WHERE gid = ${gid}`;
  }

  list(query: JobQuery): Statement {
    const conditions = [
      ...when(query.status, (status) => [`status IN (${placeholders(status)})`, ...status]),
      ...when(query.step, (step) => ['step_name = ?', step]),
      ...when(query.name, (name) => ['name = ?', name]),
      ...when(query.createdAfter, (time) => [`created_at >= ${TIME_OF}`, microseconds(time.getTime())]),
      ...when(query.createdBefore, (time) => [`created_at < ${TIME_OF}`, microseconds(time.getTime())]),
      ...when(query.before, (gid) => ['gid < ?', gid]),
    ];
    return {
      sql: `
      SELECT ${JOB_COLUMNS}
        FROM ${this.jobs}
       WHERE ${conditions.length > 0 ? conditions.map(([condition]) => condition).join(' AND ') : 'TRUE'}
       ORDER BY gid DESC
       LIMIT ?`,
      params: [...conditions.flatMap(([, ...params]) => params), query.limit],
    };
  }

  retry(gid: string): Statement {
    return sql`
      UPDATE ${this.jobs}
         SET status = 'submitted', attempts = 0, error = NULL, owner = NULL, due_at = UTC_TIMESTAMP(6), ended_at = NULL
       WHERE gid = ${gid} AND status = 'failed'`;
  }

  cancel(gid: string): Statement {
    return sql`
      UPDATE ${this.jobs}
         SET status = 'canceled', owner = NULL, due_at = NULL, ended_at = UTC_TIMESTAMP(6)
       WHERE gid = ${gid} AND status IN ('submitted', 'failed')`;
  }

  sweep(after: string, limit: number, retention: number): Statement {
    return sql`
      WITH page AS (
        SELECT gid, lookup,
               status IN ('succeeded', 'canceled', 'rolledBack')
                 AND ended_at <= UTC_TIMESTAMP(6) - INTERVAL ${microseconds(retention)} MICROSECOND AS expired,
               created_at > UTC_TIMESTAMP(6) - INTERVAL ${microseconds(retention)} MICROSECOND AS young
          FROM ${this.jobs}
         WHERE gid > ${after}
         ORDER BY gid
         LIMIT ${limit}
      )
      SELECT gid, lookup, expired, young
        FROM page
       WHERE expired OR gid = (SELECT MAX(gid) FROM page)
       ORDER BY gid`;
  }

  delete(gids: readonly string[]): Statement {
    return sql`
      DELETE FROM ${this.jobs}
       WHERE gid IN (${gids}) AND status IN ('succeeded', 'canceled', 'rolledBack')
       ORDER BY gid`;
  }

  overdueSteps(known: readonly string[], overdue: number): Statement {
    return sql`
      SELECT DISTINCT step_name AS stepName
        FROM (SELECT status, step_name
                FROM ${this.jobs}
               WHERE due_at <= UTC_TIMESTAMP(6) - INTERVAL ${microseconds(overdue)} MICROSECOND
               ORDER BY due_at
               LIMIT ${MAX_OVERDUE_ROWS}) AS oldest
       WHERE status = 'submitted'
         AND (${known.length === 0} OR step_name NOT IN (${known}))
       LIMIT ${MAX_OVERDUE_STEPS}`;
  }

  dueIn(steps: readonly string[]): Statement {
    return sql`
      SELECT TIMESTAMPDIFF(MICROSECOND, UTC_TIMESTAMP(6), MIN(due_at)) / 1000 AS dueIn
        FROM ${this.jobs}
       WHERE status = 'prepared' OR (status = 'submitted' AND step_name IN (${steps}))`;
  }

  elapse(milliseconds: number): Statement {
    const passed = microseconds(milliseconds);
    return sql`
      UPDATE ${this.jobs}
         SET created_at = created_at - INTERVAL ${passed} MICROSECOND,
             due_at = due_at - INTERVAL ${passed} MICROSECOND,
             ended_at = ended_at - INTERVAL ${passed} MICROSECOND`;
  }
}

type Condition = readonly [condition: string, ...params: unknown[]];

function when<T>(value: T | undefined, condition: (value: T) => Condition): Condition[] {
  return value === undefined ? [] : [condition(value)];
}
