import type { InternalConnection, Statement } from '../connections/internal.connection.js';
import {
  JobCatalog,
  MAX_OVERDUE_ROWS,
  MAX_OVERDUE_STEPS,
  type JobFilter,
  type SweptRow,
} from '../job-catalog.js';
import type { JobRow } from '../job-table.js';
import { microseconds, placeholders } from './mysql.values.js';

/** Every column of a job, its times as epoch milliseconds. */
const MYSQL_JOB_COLUMNS = `
  gid, name, status, steps, step_index, step_name, attempts, attempt_log, owner, lookup, error,
  TIMESTAMPDIFF(MICROSECOND, TIMESTAMP'1970-01-01 00:00:00', created_at) / 1000 AS created_ms,
  TIMESTAMPDIFF(MICROSECOND, TIMESTAMP'1970-01-01 00:00:00', due_at) / 1000 AS due_ms,
  TIMESTAMPDIFF(MICROSECOND, TIMESTAMP'1970-01-01 00:00:00', ended_at) / 1000 AS ended_ms`;

/** A point in time, from epoch microseconds; FROM_UNIXTIME would follow the session's time zone. */
const TIME_OF = `TIMESTAMPADD(MICROSECOND, ?, TIMESTAMP'1970-01-01 00:00:00')`;

/** Looking up, repairing and sweeping jobs on MySQL and MariaDB. */
export class MysqlJobCatalog extends JobCatalog {
  constructor(
    private readonly connection: InternalConnection,
    /** Qualified and quoted. */
    private readonly jobs: string,
  ) {
    super();
  }

  override findStatement(gid: string): Statement {
    return { sql: `SELECT ${MYSQL_JOB_COLUMNS} FROM ${this.jobs} WHERE gid = ?`, params: [gid] };
  }

  override async list(filter: JobFilter): Promise<JobRow[]> {
    const conditions = [
      ...when(filter.status, (status) => [`status IN (${placeholders(status)})`, ...status]),
      ...when(filter.step, (step) => ['step_name = ?', step]),
      ...when(filter.name, (name) => ['name = ?', name]),
      ...when(filter.createdAfter, (time) => [`created_at >= ${TIME_OF}`, microseconds(time.getTime())]),
      ...when(filter.createdBefore, (time) => [`created_at < ${TIME_OF}`, microseconds(time.getTime())]),
      ...when(filter.before, (gid) => ['gid < ?', gid]),
    ];
    const { rows } = await this.connection.query(
      `
      SELECT ${MYSQL_JOB_COLUMNS}
        FROM ${this.jobs}
       WHERE ${conditions.length > 0 ? conditions.map(([condition]) => condition).join(' AND ') : 'TRUE'}
       ORDER BY gid DESC
       LIMIT ?`,
      [...conditions.flatMap(([, ...params]) => params), filter.limit],
    );
    return rows as JobRow[];
  }

  override async retry(gid: string): Promise<boolean> {
    const { affected } = await this.connection.query(
      `
      UPDATE ${this.jobs}
         SET status = 'submitted', attempts = 0, error = NULL, owner = NULL, due_at = UTC_TIMESTAMP(6), ended_at = NULL
       WHERE gid = ? AND status = 'failed'`,
      [gid],
    );
    return affected > 0;
  }

  override async cancel(gid: string): Promise<boolean> {
    const { affected } = await this.connection.query(
      `
      UPDATE ${this.jobs}
         SET status = 'canceled', owner = NULL, due_at = NULL, ended_at = UTC_TIMESTAMP(6)
       WHERE gid = ? AND status IN ('submitted', 'failed')`,
      [gid],
    );
    return affected > 0;
  }

  override async sweep(after: string, limit: number, retention: number): Promise<SweptRow[]> {
    const { rows } = await this.connection.query(
      `
      WITH page AS (
        SELECT gid, lookup,
               status IN ('succeeded', 'canceled', 'rolledBack')
                 AND ended_at <= UTC_TIMESTAMP(6) - INTERVAL ? MICROSECOND AS expired,
               created_at > UTC_TIMESTAMP(6) - INTERVAL ? MICROSECOND AS young
          FROM ${this.jobs}
         WHERE gid > ?
         ORDER BY gid
         LIMIT ?
      )
      SELECT gid, lookup, expired, young
        FROM page
       WHERE expired OR gid = (SELECT MAX(gid) FROM page)
       ORDER BY gid`,
      [microseconds(retention), microseconds(retention), after, limit],
    );
    return rows as SweptRow[];
  }

  override async delete(gids: readonly string[]): Promise<void> {
    await this.connection.query(
      `
      DELETE FROM ${this.jobs}
       WHERE gid IN (${placeholders(gids)}) AND status IN ('succeeded', 'canceled', 'rolledBack')
       ORDER BY gid`,
      gids,
    );
  }

  override async overdueSteps(known: readonly string[], overdue: number): Promise<string[]> {
    const { rows } = await this.connection.query(
      `
      SELECT DISTINCT step_name
        FROM (SELECT status, step_name
                FROM ${this.jobs}
               WHERE due_at <= UTC_TIMESTAMP(6) - INTERVAL ? MICROSECOND
               ORDER BY due_at
               LIMIT ?) AS oldest
       WHERE status = 'submitted'
         ${known.length > 0 ? `AND step_name NOT IN (${placeholders(known)})` : ''}
       LIMIT ?`,
      [microseconds(overdue), MAX_OVERDUE_ROWS, ...known, MAX_OVERDUE_STEPS],
    );
    return (rows as { step_name: string }[]).map((row) => row.step_name);
  }

  override async dueIn(steps: readonly string[]): Promise<number | string | null> {
    const { rows } = await this.connection.query(
      `
      SELECT TIMESTAMPDIFF(MICROSECOND, UTC_TIMESTAMP(6), MIN(due_at)) / 1000 AS due_in
        FROM ${this.jobs}
       WHERE status = 'prepared' OR (status = 'submitted' AND step_name IN (${placeholders(steps)}))`,
      steps,
    );
    return (rows[0] as { due_in: number | string | null }).due_in;
  }

  override async elapse(milliseconds: number): Promise<void> {
    const passed = microseconds(milliseconds);
    await this.connection.query(
      `
      UPDATE ${this.jobs}
         SET created_at = created_at - INTERVAL ? MICROSECOND,
             due_at = due_at - INTERVAL ? MICROSECOND,
             ended_at = ended_at - INTERVAL ? MICROSECOND`,
      [passed, passed, passed],
    );
  }
}

type Condition = readonly [condition: string, ...params: unknown[]];

function when<T>(value: T | undefined, condition: (value: T) => Condition): Condition[] {
  return value === undefined ? [] : [condition(value)];
}
