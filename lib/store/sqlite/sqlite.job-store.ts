import type { Statement } from '../connections/internal.connection.js';
import type { ClaimedJob, ClaimRequest, JobChange, LeaseKey, NewJob, PreparedChange } from '../job-store.js';
import { TAKE_OVER, takenOver } from '../attempt-marks.js';
import { ClaimBytes } from '../claim-bytes.js';
import { claimedOf } from '../job-rows.js';
import { SqlJobStore } from '../sql.job-store.js';
import type { SqliteConnection } from './sqlite.connection.js';
import { CLAIMED_COLUMNS } from '../job-statements.js';
import { SqliteJobStatements } from './sqlite.job-statements.js';
import { SqliteNotation } from './sqlite.notation.js';

/** A hundred years. */
const EVER_MS = 100 * 365 * 24 * 3600 * 1000;

interface DueRow {
  readonly gid: string;
  readonly due_at: number;
}

/**
 * Keeps jobs in SQLite. Calls cost next to nothing here, so a batch is one prepared statement that runs for each row in
 * one transaction.
 */
export class SqliteJobStore extends SqlJobStore {
  declare protected readonly connection: SqliteConnection;
  private built: SqliteJobStatements | undefined;

  override get statements(): SqliteJobStatements {
    return (this.built ??= new SqliteJobStatements(this.jobs, new SqliteNotation(this.connection.now)));
  }

  protected override insertBatch(jobs: readonly NewJob[]): Promise<Set<string>> {
    return this.eachOf(jobs, (job) => this.statements.insert(job));
  }

  protected override async claimBatch(request: ClaimRequest): Promise<ClaimedJob[]> {
    const { owner, limit, leaseDuration, steps, dueWithin = EVER_MS, stillWanted } = request;
    const due = `
      SELECT gid, due_at
        FROM ${this.jobs}
       WHERE due_at BETWEEN ? AND ?
         AND (status = 'prepared' OR (status = 'submitted' AND step_name IN (SELECT value FROM json_each(?))))
       ORDER BY due_at
       LIMIT ?`;
    const known = JSON.stringify(steps);
    // Looked at first: a transaction that finds nothing to do would still take the write lock.
    const first = this.connection.now();
    const { rows } = await this.connection.query(due, [Math.floor(first - dueWithin), first, known, 1]);
    if (rows.length === 0) return [];
    return this.connection.immediate((run) => {
      if (stillWanted?.() === false) return [];
      const now = this.connection.now();
      const bytes = new ClaimBytes(request);
      const claimed: ClaimedJob[] = [];
      for (const { gid, due_at: dueAt } of run(due, [Math.floor(now - dueWithin), now, known, limit])
        .rows as DueRow[]) {
        const [row] = run(`SELECT ${CLAIMED_COLUMNS} FROM ${this.jobs} WHERE gid = ?`, [gid]).rows;
        const job = claimedOf({ ...(row as ClaimedJob), dueFor: now - dueAt });
        if (!bytes.takes(Buffer.byteLength(job.steps))) break;
        run(
          `
          UPDATE ${this.jobs}
             SET ${TAKE_OVER}, owner = ?, due_at = ?
           WHERE gid = ?`,
          [owner, now + Math.round(leaseDuration), gid],
        );
        claimed.push({
          ...job,
          ...(job.status === 'submitted' && job.owner !== null && takenOver(job)),
          owner,
        });
      }
      return claimed;
    });
  }

  protected override renewBatch(keys: readonly LeaseKey[], leaseDuration: number): Promise<Set<string>> {
    return this.eachOf(keys, (key) => ({
      sql: `
        UPDATE ${this.jobs}
           SET due_at = ?
         WHERE gid = ? AND owner = ? AND status IN ('submitted', 'prepared')`,
      params: [this.connection.now() + Math.round(leaseDuration), key.gid, key.owner],
    }));
  }

  protected override async heldBatch(keys: readonly LeaseKey[]): Promise<Set<string>> {
    const { rows } = await this.connection.query(
      `
      SELECT gid, owner
        FROM ${this.jobs}
       WHERE gid IN (SELECT value FROM json_each(?)) AND status IN ('submitted', 'prepared')`,
      [JSON.stringify(keys.map((key) => key.gid))],
    );
    const owners = new Map((rows as LeaseKey[]).map((row) => [row.gid, row.owner]));
    return new Set(keys.filter((key) => owners.get(key.gid) === key.owner).map((key) => key.gid));
  }

  protected override changeBatch(changes: readonly JobChange[]): Promise<Set<string>> {
    return this.eachOf(changes, (change) => this.statements.change(change));
  }

  /** SQLite locks no rows, so no change is ever left out for a lock. */
  protected override unchanged(): Promise<Set<string>> {
    return Promise.resolve(new Set());
  }

  protected override changePreparedBatch(changes: readonly PreparedChange[]): Promise<Set<string>> {
    const now = this.connection.now();
    return this.eachOf(changes, (change) => ({
      sql: `
        UPDATE ${this.jobs}
           SET status = ?, owner = iif(?, NULL, owner), due_at = ?, ended_at = ?
         WHERE gid = ? AND owner = ? AND status = 'prepared'`,
      params: [
        change.status,
        change.release,
        change.due === null ? null : now + Math.round(change.due),
        change.status === 'rolledBack' ? now : null,
        change.gid,
        change.owner,
      ],
    }));
  }

  private async eachOf<T extends { readonly gid: string }>(
    rows: readonly T[],
    statementOf: (row: T) => Statement,
  ): Promise<Set<string>> {
    const results = await this.connection.batch(rows.map(statementOf));
    return new Set(rows.filter((_, index) => results[index]!.affected > 0).map((row) => row.gid));
  }
}
