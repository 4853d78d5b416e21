import type { InternalConnection, RunStatement, Statement } from '../connections/internal.connection.js';
import {
  CLAIMED_COLUMNS,
  JobTable,
  type ClaimedJobRow,
  type JobClaim,
  type JobInsert,
  type JobOwner,
  type JobUpdate,
  type PreparedUpdate,
} from '../job-table.js';
import { isMysqlDuplicateEntry } from './mysql.errors.js';
import { EVER_MS, microseconds, placeholders } from './mysql.values.js';

interface LockedRow {
  readonly gid: string;
  readonly owner: string | null;
  readonly step_index: number;
}

/**
 * The job table on MySQL and MariaDB.
 *
 * Neither tells which rows an UPDATE changed. So a batch locks its rows first, by primary key, in gid
 * order and leaving locked ones out, compares owners and steps here, and then updates exactly those rows.
 * `UTC_TIMESTAMP(6)` is the clock, since `NOW()` follows the session's time zone; the indexes are named,
 * since a scan that picks another one locks what it passes.
 */
export class MysqlJobTable extends JobTable {
  constructor(
    private readonly connection: InternalConnection,
    /** Qualified and quoted. */
    private readonly jobs: string,
    private readonly dueIndex: string,
  ) {
    super();
  }

  override async insert(jobs: readonly JobInsert[]): Promise<Set<string>> {
    try {
      const { sql, params } = this.insertAll(jobs);
      await this.connection.query(sql, params);
      return new Set(jobs.map((job) => job.gid));
    } catch (error) {
      if (!isMysqlDuplicateEntry(error)) throw error;
      if (jobs.length === 1) return new Set();
    }
    const inserted = new Set<string>();
    for (const job of jobs) for (const gid of await this.insert([job])) inserted.add(gid);
    return inserted;
  }

  override insertStatement(job: JobInsert): Statement {
    return this.insertAll([job]);
  }

  override claim({ owner, limit, leaseDuration, steps, dueWithin }: JobClaim): Promise<ClaimedJobRow[]> {
    return this.connection.transaction(async (run) => {
      const { rows } = await run(
        `
        SELECT ${CLAIMED_COLUMNS}, TIMESTAMPDIFF(MICROSECOND, due_at, UTC_TIMESTAMP(6)) / 1000 AS due_for
          FROM ${this.jobs} FORCE INDEX (\`${this.dueIndex}\`)
         WHERE due_at BETWEEN UTC_TIMESTAMP(6) - INTERVAL ? MICROSECOND AND UTC_TIMESTAMP(6)
           AND (status = 'prepared' OR (status = 'submitted' AND step_name IN (${placeholders(steps)})))
         ORDER BY due_at
         LIMIT ?
           FOR UPDATE SKIP LOCKED`,
        [microseconds(dueWithin ?? EVER_MS), ...steps, limit],
      );
      const due = rows as ClaimedJobRow[];
      if (due.length === 0) return [];
      // Assignments take effect from left to right: attempts first, while owner is still the old one.
      await run(
        `
        UPDATE ${this.jobs} FORCE INDEX (PRIMARY)
           SET attempts = attempts + (status = 'submitted' AND owner IS NOT NULL),
               owner = ?,
               due_at = UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND
         WHERE gid IN (${placeholders(due)})`,
        [owner, microseconds(leaseDuration), ...due.map((row) => row.gid)],
      );
      return due.map((row) => ({
        ...row,
        attempts: row.attempts + Number(row.status === 'submitted' && row.owner !== null),
        owner,
      }));
    });
  }

  override renew(keys: readonly JobOwner[], leaseDuration: number): Promise<Set<string>> {
    return this.connection.transaction(async (run) => {
      const locked = await this.lock(run, keys, `status IN ('submitted', 'prepared')`, 'SKIP LOCKED');
      const renewed = keys.filter((key) => locked.get(key.gid)?.owner === key.owner).map((key) => key.gid);
      if (renewed.length > 0) {
        await run(
          `
          UPDATE ${this.jobs} FORCE INDEX (PRIMARY)
             SET due_at = UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND
           WHERE gid IN (${placeholders(renewed)})`,
          [microseconds(leaseDuration), ...renewed],
        );
      }
      return new Set(renewed);
    });
  }

  override async held(keys: readonly JobOwner[]): Promise<Set<string>> {
    const rows = await this.read(keys, `status IN ('submitted', 'prepared')`);
    return new Set(keys.filter((key) => rows.get(key.gid)?.owner === key.owner).map((key) => key.gid));
  }

  override change(updates: readonly JobUpdate[]): Promise<Set<string>> {
    return this.connection.transaction((run) => this.changeLocked(run, updates, 'SKIP LOCKED'));
  }

  /** The wait is a setting of the session here, in whole seconds, and is put back as it was found. */
  override changePatiently(updates: readonly JobUpdate[], lockTimeout: number): Promise<Set<string>> {
    return this.connection.transaction(
      async (run) => {
        const { rows } = await run('SELECT @@SESSION.innodb_lock_wait_timeout AS seconds', []);
        const [found] = rows as [{ readonly seconds: number | string }];
        await run('SET SESSION innodb_lock_wait_timeout = ?', [Math.ceil(lockTimeout / 1000)]);
        try {
          return await this.changeLocked(run, updates, '');
        } finally {
          await run('SET SESSION innodb_lock_wait_timeout = ?', [Number(found.seconds)]);
        }
      },
      { retry: false },
    );
  }

  override async unchanged(updates: readonly JobUpdate[]): Promise<Set<string>> {
    const rows = await this.read(updates, `status = 'submitted'`);
    return new Set(updates.filter((update) => isUnchanged(update, rows)).map((update) => update.gid));
  }

  override changeStatement(update: JobUpdate): Statement {
    return {
      sql: `
        UPDATE ${this.jobs}
           SET ${assignments}
         WHERE gid = ? AND owner = ? AND step_index = ? AND status = 'submitted'`,
      params: [...assigned(update), update.gid, update.owner, update.atStep],
    };
  }

  override changePrepared(updates: readonly PreparedUpdate[]): Promise<Set<string>> {
    return this.connection.transaction(async (run) => {
      const locked = await this.lock(run, updates, `status = 'prepared'`, '');
      const allowed = updates.filter((update) => locked.get(update.gid)?.owner === update.owner);
      for (const group of groupsOf(allowed, ({ status, due, release }) => [status, due, release])) {
        const [{ status, due, release }] = group as [PreparedUpdate];
        await run(
          `
          UPDATE ${this.jobs} FORCE INDEX (PRIMARY)
             SET status = ?,
                 owner = IF(?, NULL, owner),
                 due_at = UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND,
                 ended_at = IF(?, UTC_TIMESTAMP(6), NULL)
           WHERE gid IN (${placeholders(group)})`,
          [
            status,
            release,
            due === null ? null : microseconds(due),
            status === 'rolledBack',
            ...group.map((update) => update.gid),
          ],
        );
      }
      return new Set(allowed.map((update) => update.gid));
    });
  }

  override async deleteNew(gid: string, owner: string | null): Promise<void> {
    await this.connection.query(
      `DELETE FROM ${this.jobs} WHERE gid = ? AND owner <=> ? AND step_index = 0 AND attempts = 0`,
      [gid, owner],
    );
  }

  /** Plain INSERT: INSERT IGNORE would also store values that do not fit, cut. */
  private insertAll(jobs: readonly JobInsert[]): Statement {
    const row = `(?, ?, ?, ?, 0, ?, 0, ?, ?, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND)`;
    return {
      sql: `
        INSERT INTO ${this.jobs}
          (gid, name, status, steps, step_index, step_name, attempts, owner, lookup, created_at, due_at)
        VALUES ${jobs.map(() => row).join(', ')}`,
      params: jobs.flatMap((job) => [
        job.gid,
        job.name,
        job.status,
        job.steps,
        job.stepName,
        job.owner,
        job.lookup,
        microseconds(job.dueIn),
      ]),
    };
  }

  private async changeLocked(
    run: RunStatement,
    updates: readonly JobUpdate[],
    wait: 'SKIP LOCKED' | '',
  ): Promise<Set<string>> {
    const locked = await this.lock(run, updates, `status = 'submitted'`, wait);
    const allowed = updates.filter((update) => isUnchanged(update, locked));
    for (const group of groupsOf(allowed, assigned)) {
      await run(
        `
        UPDATE ${this.jobs} FORCE INDEX (PRIMARY)
           SET ${assignments}
         WHERE gid IN (${placeholders(group)})`,
        [...assigned(group[0]!), ...group.map((update) => update.gid)],
      );
    }
    return new Set(allowed.map((update) => update.gid));
  }

  private async lock(
    run: RunStatement,
    keys: readonly JobOwner[],
    condition: string,
    wait: 'SKIP LOCKED' | '',
  ): Promise<Map<string, LockedRow>> {
    const { rows } = await run(
      `
      SELECT gid, owner, step_index
        FROM ${this.jobs} FORCE INDEX (PRIMARY)
       WHERE gid IN (${placeholders(keys)}) AND ${condition}
       ORDER BY gid
         FOR UPDATE ${wait}`,
      keys.map((key) => key.gid),
    );
    return byGid(rows as LockedRow[]);
  }

  private async read(keys: readonly JobOwner[], condition: string): Promise<Map<string, LockedRow>> {
    const { rows } = await this.connection.query(
      `SELECT gid, owner, step_index FROM ${this.jobs} WHERE gid IN (${placeholders(keys)}) AND ${condition}`,
      keys.map((key) => key.gid),
    );
    return byGid(rows as LockedRow[]);
  }
}

const assignments = `
  status = ?,
  step_index = ?,
  step_name = ?,
  attempts = ?,
  attempt_log = COALESCE(?, attempt_log),
  error = ?,
  owner = IF(?, NULL, owner),
  due_at = IF(?, due_at, UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND),
  ended_at = IF(?, NULL, UTC_TIMESTAMP(6))`;

function assigned(update: JobUpdate): unknown[] {
  const keep = update.due === 'keep';
  return [
    update.status,
    update.stepIndex,
    update.stepName,
    update.attempts,
    update.attemptLog,
    update.error,
    update.release,
    keep,
    keep || update.due === null ? null : microseconds(update.due as number),
    update.status === 'submitted',
  ];
}

function isUnchanged(update: JobUpdate, rows: ReadonlyMap<string, LockedRow>): boolean {
  const row = rows.get(update.gid);
  return row?.owner === update.owner && row.step_index === update.atStep;
}

/** The rows that get the same values, so that each group is one statement. */
function groupsOf<T>(rows: readonly T[], valuesOf: (row: T) => readonly unknown[]): T[][] {
  const groups = new Map<string, T[]>();
  for (const row of rows) {
    const key = JSON.stringify(valuesOf(row));
    const group = groups.get(key);
    if (group) group.push(row);
    else groups.set(key, [row]);
  }
  return [...groups.values()];
}

function byGid(rows: readonly LockedRow[]): Map<string, LockedRow> {
  return new Map(rows.map((row) => [row.gid, row]));
}
