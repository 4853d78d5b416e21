import { TAKE_OVER, takenOver } from '../attempt-marks.js';
import { ANY_SIZE, ClaimBytes } from '../claim-bytes.js';
import type { InternalConnection, RunStatement } from '../connections/internal.connection.js';
import { claimedOf } from '../job-rows.js';
import { CLAIMED_COLUMNS_WITHOUT_STEPS } from '../job-statements.js';
import type { ClaimedJob, ClaimRequest } from '../job-store.js';
import { placeholders, type RawSql } from '../sql-template.js';
import { SizeEstimate } from './mysql.size-estimate.js';
import { EVER_MS, microseconds, NO_SPACE_AT_END } from './mysql.values.js';

/** A due job, without its steps where they are large. */
interface DueRow extends Omit<ClaimedJob, 'steps'> {
  readonly steps: string | null;
  readonly bytes: number | string;
}

/** Claims due jobs: locks them, asks their sizes, and takes those that fit. */
export class MysqlClaims {
  private readonly sizes = new SizeEstimate();

  constructor(
    private readonly jobs: RawSql,
    private readonly dueIndex: string,
  ) {}

  /** Looks at no more jobs than probably fit, and goes on when they did. */
  async claim(connection: InternalConnection, request: ClaimRequest): Promise<ClaimedJob[]> {
    try {
      return await connection.transaction((run) => this.claimIn(run, request));
    } catch (error) {
      // They may have been too large to look at.
      this.sizes.forget();
      throw error;
    }
  }

  private async claimIn(run: RunStatement, request: ClaimRequest): Promise<ClaimedJob[]> {
    const { limit } = request;
    const claimed: ClaimedJob[] = [];
    for (const sum = new ClaimBytes(request); ;) {
      const look = Math.min(limit - claimed.length, this.sizes.fitting(sum.left));
      const due = await this.due(run, request, look);
      const taken = due.filter(({ bytes }) => sum.takes(Number(bytes)));
      if (taken.length > 0) claimed.push(...(await this.take(run, taken, request)));
      if (taken.length < look || claimed.length === limit) return claimed;
    }
  }

  /** The oldest due jobs, locked. Large steps are read once it is known which jobs are taken; small ones come at once. */
  private async due(run: RunStatement, request: ClaimRequest, look: number): Promise<DueRow[]> {
    const { limit, steps, dueWithin = EVER_MS, maxBytes = ANY_SIZE } = request;
    const small = Math.floor(maxBytes / limit);
    const { rows } = await run(
      `
      SELECT ${CLAIMED_COLUMNS_WITHOUT_STEPS}, IF(OCTET_LENGTH(steps) <= ?, steps, NULL) AS steps,
             OCTET_LENGTH(steps) AS bytes,
             TIMESTAMPDIFF(MICROSECOND, due_at, UTC_TIMESTAMP(6)) / 1000 AS dueFor
        FROM ${this.jobs} FORCE INDEX (\`${this.dueIndex}\`)
       WHERE due_at BETWEEN UTC_TIMESTAMP(6) - INTERVAL ? MICROSECOND AND UTC_TIMESTAMP(6)
         AND (status = 'prepared' OR (status = 'submitted' AND step_name IN (${placeholders(steps)}) AND step_name ${NO_SPACE_AT_END}))
       ORDER BY due_at
       LIMIT ?
         FOR UPDATE SKIP LOCKED`,
      [small, microseconds(dueWithin), ...steps, look],
    );
    const due = rows as DueRow[];
    this.sizes.saw(
      due.length,
      due.reduce((sum, { bytes }) => sum + Number(bytes), 0),
    );
    return due;
  }

  /** Claims those jobs. */
  private async take(
    run: RunStatement,
    due: readonly DueRow[],
    { owner, leaseDuration }: ClaimRequest,
  ): Promise<ClaimedJob[]> {
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
}
