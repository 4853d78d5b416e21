import { TAKE_OVER, takenOver } from '../attempt-marks.js';
import { ANY_SIZE, ClaimBytes } from '../claim-bytes.js';
import type { InternalConnection, RunStatement } from '../connections/internal.connection.js';
import { claimedOf } from '../job-rows.js';
import { CLAIMED_COLUMNS_WITHOUT_STEPS } from '../job-statements.js';
import type { ClaimedJob, ClaimRequest } from '../job-store.js';
import {
  fragment,
  placeholders,
  questionMarkSql as sql,
  type Fragment,
  type RawSql,
} from '../sql-template.js';
import { SizeEstimate } from './mysql.size-estimate.js';
import { EVER_MS, microseconds, NO_SPACE_AT_END } from './mysql.values.js';

/** A due job, without its steps where they are large. */
export interface DueRow extends Omit<ClaimedJob, 'steps'> {
  readonly steps: string | null;
  readonly bytes: number | string;
}

/** What is read of a due job. */
export function dueColumns({ limit, maxBytes = ANY_SIZE }: ClaimRequest): Fragment {
  const small = Math.floor(maxBytes / limit);
  return fragment`${CLAIMED_COLUMNS_WITHOUT_STEPS}, IF(OCTET_LENGTH(steps) <= ${small}, steps, NULL) AS steps,
             OCTET_LENGTH(steps) AS bytes,
             TIMESTAMPDIFF(MICROSECOND, due_at, UTC_TIMESTAMP(6)) / 1000 AS dueFor`;
}

/** Whether the request takes a job. */
export function isDue({ steps, dueWithin = EVER_MS }: ClaimRequest): Fragment {
  return fragment`due_at BETWEEN UTC_TIMESTAMP(6) - INTERVAL ${microseconds(dueWithin)} MICROSECOND AND UTC_TIMESTAMP(6)
         AND (status = 'prepared' OR (status = 'submitted' AND step_name IN (${steps}) AND step_name ${NO_SPACE_AT_END}))`;
}

/** Claims due jobs: locks them, asks their sizes, and takes those that fit. */
export class MysqlClaims {
  private readonly sizes = new SizeEstimate();

  constructor(
    protected readonly jobs: RawSql,
    /** Quoted. */
    protected readonly dueIndex: RawSql,
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
    const { limit, stillWanted } = request;
    const claimed: ClaimedJob[] = [];
    for (const sum = new ClaimBytes(request); ;) {
      if (stillWanted?.() === false) return claimed;
      const look = Math.min(limit - claimed.length, this.sizes.fitting(sum.left));
      const due = await this.due(run, request, look);
      this.sizes.saw(
        due.length,
        due.reduce((bytes, row) => bytes + Number(row.bytes), 0),
      );
      const taken = due.filter(({ bytes }) => sum.takes(Number(bytes)));
      if (taken.length > 0) claimed.push(...(await this.take(run, taken, request)));
      if (taken.length < look || claimed.length === limit) return claimed;
    }
  }

  /** The oldest due jobs, locked. Large steps are read once it is known which jobs are taken; small ones come at once. */
  protected async due(run: RunStatement, request: ClaimRequest, look: number): Promise<DueRow[]> {
    const { sql: text, params } = sql`
      SELECT ${dueColumns(request)}
        FROM ${this.jobs} FORCE INDEX (${this.dueIndex})
       WHERE ${isDue(request)}
       ORDER BY due_at
       LIMIT ${look}
         FOR UPDATE SKIP LOCKED`;
    return (await run(text, params)).rows as DueRow[];
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
