import type { Statement } from '../connections/internal.connection.js';
import type { SqliteConnection } from './sqlite.connection.js';
import {
  JobCatalog,
  MAX_OVERDUE_ROWS,
  MAX_OVERDUE_STEPS,
  type JobFilter,
  type SweptRow,
} from '../job-catalog.js';
import type { JobRow } from '../job-table.js';

/** Every column of a job; its times are stored as epoch milliseconds. */
const SQLITE_JOB_COLUMNS = `
  gid, name, status, steps, step_index, step_name, attempts, attempt_log, owner, lookup, error,
  created_at AS created_ms, due_at AS due_ms, ended_at AS ended_ms`;

/** Looking up, repairing and sweeping jobs on SQLite. */
export class SqliteJobCatalog extends JobCatalog {
  constructor(
    private readonly connection: SqliteConnection,
    /** Qualified and quoted. */
    private readonly jobs: string,
  ) {
    super();
  }

  override findStatement(gid: string): Statement {
    return { sql: `SELECT ${SQLITE_JOB_COLUMNS} FROM ${this.jobs} WHERE gid = ?`, params: [gid] };
  }

  override async list(filter: JobFilter): Promise<JobRow[]> {
    const status = filter.status ? JSON.stringify(filter.status) : null;
    const after = filter.createdAfter?.getTime() ?? null;
    const before = filter.createdBefore?.getTime() ?? null;
    const { rows } = await this.connection.query(
      `
      SELECT ${SQLITE_JOB_COLUMNS}
        FROM ${this.jobs}
       WHERE (? IS NULL OR status IN (SELECT value FROM json_each(?)))
         AND (? IS NULL OR step_name = ?)
         AND (? IS NULL OR name = ?)
         AND (? IS NULL OR created_at >= ?)
         AND (? IS NULL OR created_at < ?)
         AND gid < ?
       ORDER BY gid DESC
       LIMIT ?`,
      [
        ...[status, status],
        ...[filter.step ?? null, filter.step ?? null],
        ...[filter.name ?? null, filter.name ?? null],
        ...[after, after],
        ...[before, before],
        filter.before ?? BEYOND_EVERY_GID,
        filter.limit,
      ],
    );
    return rows as JobRow[];
  }

  override async retry(gid: string): Promise<boolean> {
    const { affected } = await this.connection.query(
      `
      UPDATE ${this.jobs}
         SET status = 'submitted', attempts = 0, error = NULL, owner = NULL, due_at = ?, ended_at = NULL
       WHERE gid = ? AND status = 'failed'`,
      [this.connection.now(), gid],
    );
    return affected > 0;
  }

  override async cancel(gid: string): Promise<boolean> {
    const { affected } = await this.connection.query(
      `
      UPDATE ${this.jobs}
         SET status = 'canceled', owner = NULL, due_at = NULL, ended_at = ?
       WHERE gid = ? AND status IN ('submitted', 'failed')`,
      [this.connection.now(), gid],
    );
    return affected > 0;
  }

  override async sweep(after: string, limit: number, retention: number): Promise<SweptRow[]> {
    const { rows } = await this.connection.query(
      `
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
      [this.connection.now() - retention, this.connection.now() - retention, after, limit],
    );
    return rows as SweptRow[];
  }

  override async delete(gids: readonly string[]): Promise<void> {
    await this.connection.query(
      `
      DELETE FROM ${this.jobs}
       WHERE gid IN (SELECT value FROM json_each(?)) AND status IN ('succeeded', 'canceled', 'rolledBack')`,
      [JSON.stringify(gids)],
    );
  }

  override async overdueSteps(known: readonly string[], overdue: number): Promise<string[]> {
    const { rows } = await this.connection.query(
      `
      SELECT DISTINCT step_name
        FROM (SELECT status, step_name
                FROM ${this.jobs}
               WHERE due_at <= ?
               ORDER BY due_at
               LIMIT ?)
       WHERE status = 'submitted'
         AND step_name NOT IN (SELECT value FROM json_each(?))
       LIMIT ?`,
      [this.connection.now() - overdue, MAX_OVERDUE_ROWS, JSON.stringify(known), MAX_OVERDUE_STEPS],
    );
    return (rows as { step_name: string }[]).map((row) => row.step_name);
  }

  override async dueIn(steps: readonly string[]): Promise<number | string | null> {
    const { rows } = await this.connection.query(
      `
      SELECT min(due_at) - ? AS due_in
        FROM ${this.jobs}
       WHERE status = 'prepared'
          OR (status = 'submitted' AND step_name IN (SELECT value FROM json_each(?)))`,
      [this.connection.now(), JSON.stringify(steps)],
    );
    return (rows[0] as { due_in: number | null }).due_in;
  }

  override async elapse(milliseconds: number): Promise<void> {
    await this.connection.query(
      `UPDATE ${this.jobs} SET created_at = created_at - ?, due_at = due_at - ?, ended_at = ended_at - ?`,
      [milliseconds, milliseconds, milliseconds],
    );
  }
}

/** Sorts after every gid, whose characters are ASCII. */
const BEYOND_EVERY_GID = '\u{10FFFF}';
