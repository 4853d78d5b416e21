import type { Statement } from '../connections/internal.connection.js';
import { isTraced, JobStatements, NEW_COLUMNS, newValues, TRACED_COLUMNS } from '../job-statements.js';
import type { JobChange, NewJob } from '../job-store.js';
import { placeholders, questionMarkSql as sql, type RawSql } from '../sql-template.js';
import { MysqlNotation } from './mysql.notation.js';
import { microseconds } from './mysql.values.js';

/** What a `JobChange` writes; `assigned()` has the parameters. */
export const ASSIGNMENTS = `
  status = ?,
  step_index = ?,
  step_name = ?,
  attempts = ?,
  mark = ?,
  crashes = ?,
  attempt_log = COALESCE(?, attempt_log),
  error = ?,
  error_name = IF(?, NULL, COALESCE(?, error_name)),
  owner = IF(?, NULL, owner),
  due_at = IF(?, due_at, UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND),
  ended_at = IF(?, NULL, UTC_TIMESTAMP(6))`;

export function assigned({ due, release, ...values }: JobChange): unknown[] {
  const {
    status,
    stepIndex,
    stepName,
    attempts,
    mark,
    crashes,
    attemptLog,
    error,
    errorName = null,
  } = values;
  const keep = due === 'keep';
  const dueIn = keep || due === null ? null : microseconds(due as number);
  const submitted = status === 'submitted';
  return [
    status,
    stepIndex,
    stepName,
    attempts,
    mark,
    crashes,
    attemptLog,
    error,
    error === null,
    errorName,
    release,
    keep,
    dueIn,
    submitted,
  ];
}

/** What MySQL and MariaDB do with one statement. */
export class MysqlJobStatements extends JobStatements {
  constructor(jobs: RawSql) {
    super(jobs, new MysqlNotation());
  }

  /** Plain INSERT: INSERT IGNORE would also store values that do not fit, cut. */
  override insert(...jobs: readonly NewJob[]): Statement {
    const traced = isTraced(jobs);
    const rows = jobs.map((job) => [...newValues(job, traced), microseconds(job.dueIn)]);
    const row = (values: readonly unknown[]): string =>
      `(${placeholders(values.slice(1))}, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND)`;
    return {
      sql: `INSERT INTO ${this.jobs} (${traced ? TRACED_COLUMNS : NEW_COLUMNS}) VALUES ${rows.map(row).join(', ')}`,
      params: rows.flat(),
    };
  }

  override change(change: JobChange): Statement {
    return {
      sql: `
        UPDATE ${this.jobs}
           SET ${ASSIGNMENTS}
         WHERE gid = ? AND owner = ? AND step_index = ? AND status = 'submitted'`,
      params: [...assigned(change), change.gid, change.owner, change.atStep],
    };
  }

  override delete(gids: readonly string[]): Statement {
    return sql`
      DELETE FROM ${this.jobs}
       WHERE gid IN (${gids}) AND status IN ('succeeded', 'canceled', 'rolledBack')
       ORDER BY gid`;
  }
}
