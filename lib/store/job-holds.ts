import type { InternalConnection } from './connections/internal.connection.js';
import type { Dialect } from './dialect.js';
import { orUnavailable } from './driver-errors.js';
import { fragment, RawSql, type Fragment } from './sql-template.js';
import { decodeText } from './stored-text.js';

/** Any number of jobs may be due, and any number be due later. */
const MAX_ROWS = 10_000;

/** A job that a process holds. */
export interface JobHold {
  readonly gid: string;
  readonly owner: string;
  readonly step: string | null;
  /** How many milliseconds of its lease are left; it is over where there are none. */
  readonly left: number;
}

/**
 * Reads which jobs are held, and under which owners, for whoever looks for leases that nobody takes over. Not a part of the job store:
 * jobs in memory are held by the one process that has them.
 */
export class JobHolds {
  constructor(
    private readonly connection: InternalConnection,
    private readonly dialect: Dialect,
  ) {}

  /** Among the 10,000 jobs that have been due longest, and the 10,000 that are due next. */
  async read(): Promise<JobHold[]> {
    const { sql, params } = this.statement();
    const { rows } = await orUnavailable('The database of the jobs', this.dialect, () =>
      this.connection.query(sql, params),
    );
    return (rows as { gid: string; owner: string; step: string | null; rest: unknown }[]).map((row) => ({
      gid: row.gid,
      owner: row.owner,
      step: row.step === null ? null : decodeText(row.step),
      left: Math.floor(Number(row.rest)),
    }));
  }

  private statement() {
    const notation = this.dialect.notation(this.connection);
    const jobs = new RawSql(this.dialect.tables.jobs);
    const [due, now] = [new RawSql('due_at'), notation.now];
    const range = (where: Fragment): Fragment => fragment`
      SELECT gid, owner, step_name AS "step", ${notation.epochOf(due)} - ${notation.epochOf(now)} AS "rest"
        FROM (SELECT gid, owner, step_name, status, due_at FROM ${jobs} WHERE ${where} ORDER BY due_at LIMIT ${MAX_ROWS}) AS oldest
       WHERE owner IS NOT NULL AND status = 'submitted'`;
    // A subquery, so that a running clock is read once and the index is used.
    const at = fragment`(SELECT ${now})`;
    return notation.sql`
      SELECT * FROM (${range(fragment`due_at <= ${at}`)}) AS over_now
      UNION ALL
      SELECT * FROM (${range(fragment`due_at > ${at}`)}) AS held_now`;
  }
}
