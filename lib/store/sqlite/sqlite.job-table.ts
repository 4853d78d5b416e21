import type { Statement } from '../connections/internal.connection.js';
import type { SqliteConnection } from './sqlite.connection.js';
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

interface DueRow {
  readonly gid: string;
  readonly due_at: number;
}

/**
 * The job table on SQLite. Calls cost next to nothing here, so a batch is one prepared statement run for
 * each row inside one transaction. Lists travel as JSON, so that a statement has one text and stays
 * prepared. The clock is the host's.
 */
export class SqliteJobTable extends JobTable {
  constructor(
    private readonly connection: SqliteConnection,
    /** Qualified and quoted. */
    private readonly jobs: string,
  ) {
    super();
  }

  override insert(jobs: readonly JobInsert[]): Promise<Set<string>> {
    return this.eachOf(jobs, (job) => this.insertStatement(job));
  }

  override insertStatement(job: JobInsert): Statement {
    const now = this.connection.now();
    return {
      sql: `
        INSERT INTO ${this.jobs}
          (gid, name, status, steps, step_index, step_name, attempts, owner, lookup, created_at, due_at)
        VALUES (?, ?, ?, ?, 0, ?, 0, ?, ?, ?, ?)
            ON CONFLICT (gid) DO NOTHING`,
      params: [
        job.gid,
        job.name,
        job.status,
        job.steps,
        job.stepName,
        job.owner,
        job.lookup,
        now,
        now + Math.round(job.dueIn),
      ],
    };
  }

  override async claim({ owner, limit, leaseDuration, steps }: JobClaim): Promise<ClaimedJobRow[]> {
    const due = `
      SELECT gid, due_at
        FROM ${this.jobs}
       WHERE due_at <= ?
         AND (status = 'prepared' OR (status = 'submitted' AND step_name IN (SELECT value FROM json_each(?))))
       ORDER BY due_at
       LIMIT ?`;
    const known = JSON.stringify(steps);
    // Looked at first, because a transaction that finds nothing to do would still take the write lock.
    const { rows } = await this.connection.query(due, [this.connection.now(), known, 1]);
    if (rows.length === 0) return [];
    return this.connection.immediate((run) => {
      const now = this.connection.now();
      return (run(due, [now, known, limit]).rows as DueRow[]).map(({ gid, due_at: dueAt }) => {
        run(
          `
          UPDATE ${this.jobs}
             SET owner = ?, due_at = ?, attempts = attempts + (status = 'submitted' AND owner IS NOT NULL)
           WHERE gid = ?`,
          [owner, now + Math.round(leaseDuration), gid],
        );
        const [row] = run(`SELECT ${CLAIMED_COLUMNS} FROM ${this.jobs} WHERE gid = ?`, [gid])
          .rows as ClaimedJobRow[];
        return { ...row!, due_for: now - dueAt };
      });
    });
  }

  override renew(keys: readonly JobOwner[], leaseDuration: number): Promise<Set<string>> {
    return this.eachOf(keys, (key) => ({
      sql: `
        UPDATE ${this.jobs}
           SET due_at = ?
         WHERE gid = ? AND owner = ? AND status IN ('submitted', 'prepared')`,
      params: [this.connection.now() + Math.round(leaseDuration), key.gid, key.owner],
    }));
  }

  override async held(keys: readonly JobOwner[]): Promise<Set<string>> {
    const { rows } = await this.connection.query(
      `
      SELECT gid, owner
        FROM ${this.jobs}
       WHERE gid IN (SELECT value FROM json_each(?)) AND status IN ('submitted', 'prepared')`,
      [JSON.stringify(keys.map((key) => key.gid))],
    );
    const owners = new Map(
      (rows as { gid: string; owner: string | null }[]).map((row) => [row.gid, row.owner]),
    );
    return new Set(keys.filter((key) => owners.get(key.gid) === key.owner).map((key) => key.gid));
  }

  override change(updates: readonly JobUpdate[]): Promise<Set<string>> {
    return this.eachOf(updates, (update) => this.changeStatement(update));
  }

  override changePatiently(updates: readonly JobUpdate[]): Promise<Set<string>> {
    return this.change(updates);
  }

  /** Nothing is ever left out of a change here: SQLite locks no rows. */
  override unchanged(): Promise<Set<string>> {
    return Promise.resolve(new Set());
  }

  override changeStatement(update: JobUpdate): Statement {
    const now = this.connection.now();
    const keep = update.due === 'keep';
    return {
      sql: `
        UPDATE ${this.jobs}
           SET status = ?,
               step_index = ?,
               step_name = ?,
               attempts = ?,
               attempt_log = COALESCE(?, attempt_log),
               error = ?,
               owner = iif(?, NULL, owner),
               due_at = iif(?, due_at, ?),
               ended_at = ?
         WHERE gid = ? AND owner = ? AND step_index = ? AND status = 'submitted'`,
      params: [
        update.status,
        update.stepIndex,
        update.stepName,
        update.attempts,
        update.attemptLog,
        update.error,
        // Numbers: a step's transaction sends this through TypeORM, whose 0.3 hands booleans to a driver that refuses them.
        Number(update.release),
        Number(keep),
        keep || update.due === null ? null : now + Math.round(update.due as number),
        update.status === 'submitted' ? null : now,
        update.gid,
        update.owner,
        update.atStep,
      ],
    };
  }

  override changePrepared(updates: readonly PreparedUpdate[]): Promise<Set<string>> {
    const now = this.connection.now();
    return this.eachOf(updates, (update) => ({
      sql: `
        UPDATE ${this.jobs}
           SET status = ?, owner = iif(?, NULL, owner), due_at = ?, ended_at = ?
         WHERE gid = ? AND owner = ? AND status = 'prepared'`,
      params: [
        update.status,
        update.release,
        update.due === null ? null : now + Math.round(update.due),
        update.status === 'rolledBack' ? now : null,
        update.gid,
        update.owner,
      ],
    }));
  }

  override async deleteNew(gid: string, owner: string | null): Promise<void> {
    await this.connection.query(
      `DELETE FROM ${this.jobs} WHERE gid = ? AND owner IS ? AND step_index = 0 AND attempts = 0`,
      [gid, owner],
    );
  }

  private async eachOf<T extends { readonly gid: string }>(
    rows: readonly T[],
    statementOf: (row: T) => Statement,
  ): Promise<Set<string>> {
    const results = await this.connection.batch(rows.map(statementOf));
    return new Set(rows.filter((_, index) => results[index]!.affected > 0).map((row) => row.gid));
  }
}
