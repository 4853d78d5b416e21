import type { GidRange } from '../../core/jobs/gid.js';
import type { Statement } from '../connections/internal.connection.js';
import type { SqlNotation } from '../sql-notation.js';
import { fragment, RawSql, type Fragment } from '../sql-template.js';
import type { QualifiedTables } from '../table-names.js';
import {
  COUNT_LIMIT,
  MAX_BIN_ROWS,
  MAX_COUNTED_ROWS,
  MAX_PROCESSES,
  type CountedRange,
  type CountedRow,
  type ProcessReport,
} from './fleet-store.js';

/** Of the text of an error; its first line is shown. */
const ERROR_LENGTH = 400;

// In the text, so that every plan knows them.
const COUNTED_ROWS = new RawSql(String(MAX_COUNTED_ROWS));
const BIN_ROWS = new RawSql(String(MAX_BIN_ROWS));

/** What an owner begins with: the id of its process, nine bytes as base64. */
const PROCESS_OF_OWNER = new RawSql('substr(owner, 1, 12)');

export const COUNTED_COLUMNS = new RawSql(
  'bucket, step, process, succeeded, failed, gave_up, jobs_succeeded, run_ms, wait_ms, run_hist, wait_hist',
);

/** Without the bucket. */
export function countedValues(row: CountedRow): unknown[] {
  const { step, process, succeeded, failed, gaveUp, jobsSucceeded, runMs, waitMs, runBins, waitBins } = row;
  return [step, process, succeeded, failed, gaveUp, jobsSucceeded, runMs, waitMs, runBins, waitBins];
}

/**
 * The statements about processes and counts. The subclasses hold those that the databases write differently. Whoever reads jobs
 * reads a bounded number of entries of an index.
 */
export abstract class FleetStatements {
  private readonly jobs: RawSql;
  private readonly processes: RawSql;
  protected readonly stats: RawSql;
  /** How many jobs of one kind are counted. */
  readonly limit: number = COUNT_LIMIT;
  /** What locks the rows of a SELECT, where nothing else keeps others away until the transaction has ended. */
  protected readonly lock: RawSql = new RawSql('');

  constructor(
    tables: QualifiedTables,
    protected readonly notation: SqlNotation,
  ) {
    this.jobs = new RawSql(tables.jobs);
    this.processes = new RawSql(tables.processes);
    this.stats = new RawSql(tables.stats);
  }

  /** Writes rows, or writes them over: each statement holds a bounded number. */
  abstract write(rows: readonly CountedRow[]): Statement[];
  /** The statement of a read, which the database ends by itself when it takes too long. */
  abstract bounded(statement: Statement): Statement;

  now(): Statement {
    return this.notation.sql`SELECT ${this.notation.epochOf(this.notation.now)} AS "now"`;
  }

  announce(report: ProcessReport): Statement {
    const { id, name, host, pid, version, state, runsSteps, concurrency, running, waiting } = report;
    const { now } = this.notation;
    return this.notation.sql`
      INSERT INTO ${this.processes}
        (id, name, host, pid, version, state, runs_steps, started_at, seen_at, recovered_at, concurrency, running, waiting,
         steps, busy)
      VALUES (${id}, ${name}, ${host}, ${pid}, ${version}, ${state}, ${runsSteps}, ${this.ago(report.startedAgo)}, ${now},
              ${this.recovered(report)}, ${concurrency}, ${running}, ${waiting}, ${JSON.stringify(report.steps)},
              ${JSON.stringify(report.busy)})`;
  }

  beat(report: ProcessReport): Statement {
    const { id, state, running, waiting } = report;
    return this.notation.sql`
      UPDATE ${this.processes}
         SET state = ${state}, seen_at = ${this.notation.now}, recovered_at = ${this.recovered(report)},
             running = ${running}, waiting = ${waiting}, busy = ${JSON.stringify(report.busy)}
       WHERE id = ${id}`;
  }

  forget(id: string): Statement {
    return this.notation.sql`DELETE FROM ${this.processes} WHERE id = ${id}`;
  }

  forgetSilent(milliseconds: number): Statement {
    return this.notation.sql`DELETE FROM ${this.processes} WHERE seen_at < ${this.ago(milliseconds)}`;
  }

  listProcesses(milliseconds: number): Statement {
    return this.notation.sql`
      SELECT id, name, host, pid, version, state, runs_steps AS "runsSteps", ${this.epoch('started_at')} AS "startedAt",
             ${this.epoch('seen_at')} AS "seenAt", ${this.epoch('recovered_at')} AS "recoveredAt", concurrency, running,
             waiting, steps, busy
        FROM ${this.processes}
       WHERE seen_at >= ${this.ago(milliseconds)}
       ORDER BY seen_at DESC
       LIMIT ${new RawSql(String(MAX_PROCESSES))}`;
  }

  /** Minutes of processes in one hour, or of hours that are older than a day: those were left, and may stay. */
  minutes(from: number, to: number, limit: number): Statement {
    return this.notation.sql`
      SELECT ${this.countedRow()}
        FROM ${this.stats}
       WHERE bucket >= ${this.time(from)} AND bucket < ${this.time(to)} AND process <> ''
       ORDER BY bucket, step, process
       LIMIT ${limit}
       ${this.lock}`;
  }

  hours(from: number, to: number): Statement {
    return this.notation.sql`
      SELECT ${this.countedRow()}
        FROM ${this.stats}
       WHERE bucket >= ${this.time(from)} AND bucket < ${this.time(to)} AND process = ''`;
  }

  delete(rows: readonly CountedRow[]): Statement {
    const keys = rows.map(
      ({ bucket, step, process }) =>
        fragment`(bucket = ${this.time(bucket)} AND step = ${step} AND process = ${process})`,
    );
    return this.notation.sql`
      DELETE FROM ${this.stats} WHERE ${keys.reduce((all, key) => fragment`${all} OR ${key}`)}`;
  }

  deleteBefore(time: number): Statement {
    return this.notation.sql`DELETE FROM ${this.stats} WHERE bucket < ${this.time(time)}`;
  }

  countedBySteps(range: CountedRange): Statement {
    return this.notation.sql`
      SELECT step, ${SUMS}
        FROM (${this.counted(range)}) AS counted
       GROUP BY step`;
  }

  countedByTime(range: CountedRange): Statement {
    return this.notation.sql`
      SELECT ${this.epoch('bucket')} AS "bucket", ${SUMS}
        FROM (${this.counted(range)}) AS counted
       GROUP BY bucket`;
  }

  bins({ from, to }: CountedRange): Statement {
    return this.notation.sql`
      SELECT step, run_hist AS "runBins", wait_hist AS "waitBins"
        FROM ${this.stats}
       WHERE bucket >= ${this.time(from)} AND bucket < ${this.time(to)}
       ORDER BY bucket DESC, step DESC, process DESC
       LIMIT ${BIN_ROWS}`;
  }

  /** The jobs that are due, the oldest ones, by step and by the process that has lost them. */
  due(): Statement {
    return this.notation.sql`
      SELECT status, step, process, COUNT(*) AS "jobs", ${this.epoch('MIN(due_at)')} AS "oldest"
        FROM (SELECT status, step_name AS step, ${PROCESS_OF_OWNER} AS process, due_at
                FROM ${this.jobs}
               WHERE due_at <= ${this.ago(0)}
               ORDER BY due_at
               LIMIT ${this.oneMore}) AS oldest
       GROUP BY status, step, process`;
  }

  /** The jobs that are due later, the first ones. */
  later(): Statement {
    return this.notation.sql`
      SELECT status, process, COUNT(*) AS "jobs"
        FROM (SELECT status, ${PROCESS_OF_OWNER} AS process
                FROM ${this.jobs}
               WHERE due_at > ${this.ago(0)}
               ORDER BY due_at
               LIMIT ${this.oneMore}) AS later
       GROUP BY status, process`;
  }

  /** In the order of its index, which no plan can then do without. */
  failed(): Statement {
    return this.notation.sql`
      SELECT COUNT(*) AS "jobs"
        FROM (SELECT gid
                FROM ${this.jobs}
               WHERE ${this.notation.hasStatus(['failed'])}
               ORDER BY gid
               LIMIT ${this.oneMore}) AS failures`;
  }

  /** Of the gids in the range, above it and below it, up to `limit` each: three stretches of the index of failed jobs. */
  failures(limit: number, { from, to }: GidRange): Statement {
    return this.notation.sql`
      SELECT * FROM (${this.lastFailures(limit, fragment`gid >= ${from} AND gid < ${to}`)}) AS inside
       UNION ALL
      SELECT * FROM (${this.lastFailures(limit, fragment`gid >= ${to}`)}) AS above
       UNION ALL
      SELECT * FROM (${this.lastFailures(limit, fragment`gid < ${from}`)}) AS below`;
  }

  private lastFailures(limit: number, ofGids: Fragment): Fragment {
    return fragment`
             SELECT gid, step_name AS "step", error_name AS "errorName",
                    substr(error, 1, ${new RawSql(String(ERROR_LENGTH))}) AS "error", ${this.epoch('ended_at')} AS "endedAt"
               FROM ${this.jobs}
              WHERE ${this.notation.hasStatus(['failed'])} AND ${ofGids}
              ORDER BY gid DESC
              LIMIT ${new RawSql(String(Math.round(limit)))}`;
  }

  private get oneMore(): RawSql {
    return new RawSql(String(this.limit + 1));
  }

  protected time(epoch: number): Fragment {
    return this.notation.timeOf(new Date(epoch));
  }

  private counted({ from, to, step }: CountedRange): Fragment {
    const ofStep = step === undefined ? fragment`` : fragment`AND step = ${step}`;
    return fragment`
             SELECT bucket, step, succeeded, failed, gave_up, jobs_succeeded, run_ms, wait_ms
               FROM ${this.stats}
              WHERE bucket >= ${this.time(from)} AND bucket < ${this.time(to)} ${ofStep}
              ORDER BY bucket DESC, step DESC, process DESC
              LIMIT ${COUNTED_ROWS}`;
  }

  private countedRow(): Fragment {
    return fragment`${this.epoch('bucket')} AS "bucket", step, process, succeeded, failed, gave_up AS "gaveUp",
             jobs_succeeded AS "jobsSucceeded", run_ms AS "runMs", wait_ms AS "waitMs", run_hist AS "runBins",
             wait_hist AS "waitBins"`;
  }

  private epoch(column: string): Fragment {
    return this.notation.epochOf(new RawSql(column));
  }

  private recovered({ recoveredAgo }: ProcessReport): Fragment {
    return recoveredAgo === null ? fragment`NULL` : this.ago(recoveredAgo);
  }

  /** A subquery, so that a statement reads a running clock once. */
  private ago(milliseconds: number): Fragment {
    return fragment`(SELECT ${this.notation.now} - ${this.notation.duration(Math.round(milliseconds))})`;
  }
}

const SUMS = new RawSql(`SUM(succeeded) AS "succeeded", SUM(failed) AS "failed", SUM(gave_up) AS "gaveUp",
             SUM(jobs_succeeded) AS "jobsSucceeded", SUM(run_ms) AS "runMs", SUM(wait_ms) AS "waitMs"`);
