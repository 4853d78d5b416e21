import type { JobStatus } from '../../core/jobs/job-info.js';
import type { Statement } from '../connections/internal.connection.js';
import { JobStatements, NEW_COLUMNS, newValues } from '../job-statements.js';
import type { JobChange, NewJob } from '../job-store.js';
import { fragment, placeholders, questionMarkSql as sql, RawSql, type Fragment } from '../sql-template.js';
import { microseconds, NO_SPACE_AT_END } from './mysql.values.js';

const EPOCH = new RawSql(`TIMESTAMP'1970-01-01 00:00:00'`);

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
  owner = IF(?, NULL, owner),
  due_at = IF(?, due_at, UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND),
  ended_at = IF(?, NULL, UTC_TIMESTAMP(6))`;

export function assigned({ due, release, ...values }: JobChange): unknown[] {
  const { status, stepIndex, stepName, attempts, mark, crashes, attemptLog, error } = values;
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
    release,
    keep,
    dueIn,
    submitted,
  ];
}

/** What MySQL and MariaDB do with one statement. */
export class MysqlJobStatements extends JobStatements {
  protected override readonly now = new RawSql('UTC_TIMESTAMP(6)');

  constructor(jobs: RawSql) {
    super(jobs, sql);
  }

  /** Plain INSERT: INSERT IGNORE would also store values that do not fit, cut. */
  override insert(...jobs: readonly NewJob[]): Statement {
    const rows = jobs.map((job) => [...newValues(job), microseconds(job.dueIn)]);
    const row = (values: readonly unknown[]): string =>
      `(${placeholders(values.slice(1))}, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND)`;
    return {
      sql: `INSERT INTO ${this.jobs} (${NEW_COLUMNS}) VALUES ${rows.map(row).join(', ')}`,
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

  protected override duration(milliseconds: number): Fragment {
    return fragment`INTERVAL ${microseconds(milliseconds)} MICROSECOND`;
  }

  /** FROM_UNIXTIME would follow the session's time zone. */
  protected override timeOf(date: Date): Fragment {
    return fragment`TIMESTAMPADD(MICROSECOND, ${microseconds(date.getTime())}, ${EPOCH})`;
  }

  protected override epochOf(time: RawSql): Fragment {
    return fragment`TIMESTAMPDIFF(MICROSECOND, ${EPOCH}, ${time}) / 1000`;
  }

  protected override among(column: string, values: readonly string[]): Fragment {
    return values.length === 0 ? fragment`FALSE` : fragment`${new RawSql(column)} IN (${values})`;
  }

  protected override hasStatus(statuses: readonly JobStatus[]): RawSql {
    return statuses.length === 1 && statuses[0] === 'failed'
      ? new RawSql('failed = 1')
      : super.hasStatus(statuses);
  }

  protected override amongNames(column: string, names: readonly string[]): Fragment {
    return fragment`(${this.among(column, names)} AND ${new RawSql(column)} ${NO_SPACE_AT_END})`;
  }
}
