import type { RunStatement } from '../connections/internal.connection.js';
import type { ClaimedJob, ClaimRequest, JobChange, LeaseKey, NewJob, PreparedChange } from '../job-store.js';
import { TAKE_OVER, takenOver } from '../attempt-marks.js';
import { ANY_SIZE, ClaimBytes } from '../claim-bytes.js';
import { claimedOf } from '../job-rows.js';
import { placeholders } from '../sql-template.js';
import { SqlJobStore } from '../sql.job-store.js';
import { CLAIMED_COLUMNS_WITHOUT_STEPS } from '../job-statements.js';
import { ASSIGNMENTS, assigned, MysqlJobStatements } from './mysql.job-statements.js';
import { EVER_MS, microseconds, NO_SPACE_AT_END } from './mysql.values.js';

/** A due job, without its steps where they are large. */
interface DueRow extends Omit<ClaimedJob, 'steps'> {
  readonly steps: string | null;
  readonly bytes: number | string;
}

interface LockedRow {
  readonly gid: string;
  readonly owner: string | null;
  readonly stepIndex: number;
}

/**
 * Keeps jobs in MySQL or MariaDB.
 *
 * Neither tells which rows an UPDATE changed. So a batch locks its rows first, by primary key and in gid order, skipping
 * locked ones. It compares owners and steps in memory, and then updates exactly those rows. `UTC_TIMESTAMP(6)` is the
 * clock: `NOW()` follows the session's time zone. The indexes are named: a scan of another one would lock every row it
 * passes.
 */
export class MysqlJobStore extends SqlJobStore {
  private built: MysqlJobStatements | undefined;

  override get statements(): MysqlJobStatements {
    return (this.built ??= new MysqlJobStatements(this.jobs));
  }

  protected override async insertBatch(jobs: readonly NewJob[]): Promise<Set<string>> {
    try {
      const { sql, params } = this.statements.insert(...jobs);
      await this.connection.query(sql, params);
      return new Set(jobs.map((job) => job.gid));
    } catch (error) {
      if (!this.dialect.errors.isUniqueViolation(error)) throw error;
      if (jobs.length === 1) return new Set();
    }
    const inserted = new Set<string>();
    for (const job of jobs) for (const gid of await this.insertBatch([job])) inserted.add(gid);
    return inserted;
  }

  /** Large steps are read once it is known which jobs are taken; small ones come at once. */
  protected override claimBatch(request: ClaimRequest): Promise<ClaimedJob[]> {
    const { owner, limit, leaseDuration, steps, dueWithin = EVER_MS, maxBytes = ANY_SIZE } = request;
    const small = Math.floor(maxBytes / limit);
    return this.connection.transaction(async (run) => {
      const { rows } = await run(
        `
        SELECT ${CLAIMED_COLUMNS_WITHOUT_STEPS}, IF(OCTET_LENGTH(steps) <= ?, steps, NULL) AS steps,
               OCTET_LENGTH(steps) AS bytes,
               TIMESTAMPDIFF(MICROSECOND, due_at, UTC_TIMESTAMP(6)) / 1000 AS dueFor
          FROM ${this.jobs} FORCE INDEX (\`${this.dialect.names.dueIndex}\`)
         WHERE due_at BETWEEN UTC_TIMESTAMP(6) - INTERVAL ? MICROSECOND AND UTC_TIMESTAMP(6)
           AND (status = 'prepared' OR (status = 'submitted' AND step_name IN (${placeholders(steps)}) AND step_name ${NO_SPACE_AT_END}))
         ORDER BY due_at
         LIMIT ?
           FOR UPDATE SKIP LOCKED`,
        [small, microseconds(dueWithin), ...steps, limit],
      );
      const sum = new ClaimBytes(request);
      const due = (rows as DueRow[]).filter(({ bytes }) => sum.takes(Number(bytes)));
      if (due.length === 0) return [];
      await run(
        `
        UPDATE ${this.jobs} FORCE INDEX (PRIMARY)
           SET ${TAKE_OVER},
               owner = ?,
               due_at = UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND
         WHERE gid IN (${placeholders(due)})`,
        [owner, microseconds(leaseDuration), ...due.map((row) => row.gid)],
      );
      const large = await this.stepsOf(
        run,
        due.filter((row) => row.steps === null),
      );
      return due.map(({ bytes: _, ...row }) => {
        const job = claimedOf({ ...row, steps: row.steps ?? large.get(row.gid)! });
        return { ...job, ...(job.status === 'submitted' && job.owner !== null && takenOver(job)), owner };
      });
    });
  }

  protected override renewBatch(keys: readonly LeaseKey[], leaseDuration: number): Promise<Set<string>> {
    return this.renewals.transaction(async (run) => {
      const locked = await this.select(
        run,
        keys,
        `status IN ('submitted', 'prepared')`,
        'FOR UPDATE SKIP LOCKED',
      );
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

  protected override async heldBatch(keys: readonly LeaseKey[]): Promise<Set<string>> {
    const rows = await this.read(keys, `status IN ('submitted', 'prepared')`, this.renewals);
    return new Set(keys.filter((key) => rows.get(key.gid)?.owner === key.owner).map((key) => key.gid));
  }

  /** The lock time-out is a setting of the session here, in whole seconds, and is put back as it was. */
  protected override changeBatch(changes: readonly JobChange[], lockTimeout?: number): Promise<Set<string>> {
    if (lockTimeout === undefined) {
      return this.connection.transaction((run) => this.changeLocked(run, changes, 'FOR UPDATE SKIP LOCKED'));
    }
    return this.connection.transaction(
      async (run) => {
        const { rows } = await run('SELECT @@SESSION.innodb_lock_wait_timeout AS seconds');
        const [found] = rows as [{ readonly seconds: number | string }];
        await run('SET SESSION innodb_lock_wait_timeout = ?', [Math.ceil(lockTimeout / 1000)]);
        try {
          return await this.changeLocked(run, changes, 'FOR UPDATE');
        } finally {
          await run('SET SESSION innodb_lock_wait_timeout = ?', [Number(found.seconds)]);
        }
      },
      { retry: false },
    );
  }

  protected override async unchanged(changes: readonly JobChange[]): Promise<Set<string>> {
    const rows = await this.read(changes, `status = 'submitted'`);
    return new Set(changes.filter((change) => isUnchanged(change, rows)).map((change) => change.gid));
  }

  protected override changePreparedBatch(changes: readonly PreparedChange[]): Promise<Set<string>> {
    return this.connection.transaction(async (run) => {
      const locked = await this.select(run, changes, `status = 'prepared'`, 'FOR UPDATE');
      const allowed = changes.filter((change) => locked.get(change.gid)?.owner === change.owner);
      for (const group of groupsOf(allowed, ({ status, due, release }) => [status, due, release])) {
        const [{ status, due, release }] = group as [PreparedChange];
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
            ...group.map((change) => change.gid),
          ],
        );
      }
      return new Set(allowed.map((change) => change.gid));
    });
  }

  private async stepsOf(
    run: RunStatement,
    jobs: readonly { readonly gid: string }[],
  ): Promise<Map<string, string>> {
    if (jobs.length === 0) return new Map();
    const { rows } = await run(
      `SELECT gid, steps FROM ${this.jobs} FORCE INDEX (PRIMARY) WHERE gid IN (${placeholders(jobs)})`,
      jobs.map(({ gid }) => gid),
    );
    return new Map((rows as Pick<ClaimedJob, 'gid' | 'steps'>[]).map(({ gid, steps }) => [gid, steps]));
  }

  private async changeLocked(
    run: RunStatement,
    changes: readonly JobChange[],
    lock: 'FOR UPDATE' | 'FOR UPDATE SKIP LOCKED',
  ): Promise<Set<string>> {
    const locked = await this.select(run, changes, `status = 'submitted'`, lock);
    const allowed = changes.filter((change) => isUnchanged(change, locked));
    for (const group of groupsOf(allowed, assigned)) {
      await run(
        `
        UPDATE ${this.jobs} FORCE INDEX (PRIMARY)
           SET ${ASSIGNMENTS}
         WHERE gid IN (${placeholders(group)})`,
        [...assigned(group[0]!), ...group.map((change) => change.gid)],
      );
    }
    return new Set(allowed.map((change) => change.gid));
  }

  /** The rows among `keys` that meet the condition, by gid. */
  private async select(
    run: RunStatement,
    keys: readonly LeaseKey[],
    condition: string,
    lock: 'FOR UPDATE' | 'FOR UPDATE SKIP LOCKED' | '',
  ): Promise<Map<string, LockedRow>> {
    const { rows } = await run(
      `
      SELECT gid, owner, step_index AS stepIndex
        FROM ${this.jobs} FORCE INDEX (PRIMARY)
       WHERE gid IN (${placeholders(keys)}) AND ${condition}
       ORDER BY gid
       ${lock}`,
      keys.map((key) => key.gid),
    );
    return new Map((rows as LockedRow[]).map((row) => [row.gid, row]));
  }

  private read(
    keys: readonly LeaseKey[],
    condition: string,
    connection = this.connection,
  ): Promise<Map<string, LockedRow>> {
    return this.select((sql, params) => connection.query(sql, params), keys, condition, '');
  }
}

function isUnchanged(change: JobChange, rows: ReadonlyMap<string, LockedRow>): boolean {
  const row = rows.get(change.gid);
  return row?.owner === change.owner && Number(row.stepIndex) === change.atStep;
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
