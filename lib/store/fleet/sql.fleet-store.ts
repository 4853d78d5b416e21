import { rangeOfOwnGids } from '../../core/jobs/gid.js';
import type { InternalConnection, Statement, StatementResult } from '../connections/internal.connection.js';
import type { Dialect } from '../dialect.js';
import { orUnavailable } from '../driver-errors.js';
import { isTrue } from '../job-rows.js';
import { decodeText } from '../stored-text.js';
import type { FleetStatements } from './fleet-statements.js';
import {
  FleetStore,
  HOUR_MS,
  KEEP_HOURS_MS,
  KEEP_MINUTES_MS,
  type CountedRange,
  type CountedRow,
  type Counts,
  type DueGroup,
  type FailedRow,
  type JobCounts,
  type LaterGroup,
  type ProcessRecord,
  type ProcessReport,
} from './fleet-store.js';
import { hourOf, rolledUp } from './rolled-up.js';
import { sampledFailures } from './sampled-failures.js';

/** Rows of minutes that one transaction makes hours of. */
const ROLL_UP_ROWS = 500;
/** Older minutes, which nobody has made hours of in time, stay minutes. */
const ROLL_UP_WITHIN_MS = 48 * HOUR_MS;

/** A transaction as its statements, one after the other: the driver of SQLite runs them at once, the others wait for answers. */
export type StatementSequence<T> = Generator<Statement, T, StatementResult>;

/** A row as a driver returns it: numbers may be texts. */
type Row = Readonly<Record<string, unknown>>;

/** Keeps what is known of the processes in tables of a TypeORM `DataSource`. */
export abstract class SqlFleetStore extends FleetStore {
  constructor(
    protected readonly connection: InternalConnection,
    protected readonly dialect: Dialect,
  ) {
    super();
  }

  protected abstract readonly statements: FleetStatements;
  /** Runs reads, each of them bounded in time where the database can do that. */
  protected abstract read(statements: readonly Statement[]): Promise<Row[][]>;
  /** Runs a transaction while no other process runs one of these; undefined when another one does. */
  protected abstract alone<T>(sequence: () => StatementSequence<T>): Promise<T | undefined>;

  override async now(): Promise<number> {
    const { rows } = await this.run(this.statements.now());
    return Number((rows as Row[])[0]!.now);
  }

  override async announce(report: ProcessReport): Promise<void> {
    try {
      await this.run(this.statements.announce(this.written(report)));
    } catch (error) {
      // Its answer was lost the last time.
      const cause = error instanceof Error ? error.cause : undefined;
      if (!this.dialect.errors.isUniqueViolation(cause)) throw error;
    }
  }

  override async beat(report: ProcessReport): Promise<boolean> {
    return (await this.run(this.statements.beat(this.written(report)))).affected > 0;
  }

  override async forget(id: string): Promise<void> {
    await this.run(this.statements.forget(id));
  }

  override async forgetSilent(milliseconds: number): Promise<void> {
    await this.run(this.statements.forgetSilent(milliseconds));
  }

  override async processes(milliseconds: number): Promise<ProcessRecord[]> {
    const [rows] = await this.reads(this.statements.listProcesses(milliseconds));
    return rows!.map(processOf);
  }

  override async write(rows: readonly CountedRow[]): Promise<void> {
    const { text } = this.dialect;
    const written = rows.map((row) => ({ ...row, step: text.encode(row.step) }));
    for (const statement of this.statements.write(written)) await this.run(statement);
  }

  override async rollUp(): Promise<boolean> {
    const now = await this.now();
    return (await this.own(() => this.alone(() => this.rollUpSome(now)))) ?? false;
  }

  override async countedBySteps(range: CountedRange): Promise<(Counts & { readonly step: string })[]> {
    const [rows] = await this.reads(this.statements.countedBySteps(range));
    return rows!.map((row) => ({ ...countsOf(row), step: textOf(row.step)! }));
  }

  override async countedByTime(range: CountedRange): Promise<(Counts & { readonly bucket: number })[]> {
    const { step } = range;
    const encoded = step === undefined ? range : { ...range, step: this.dialect.text.encode(step) };
    const [rows] = await this.reads(this.statements.countedByTime(encoded));
    return rows!.map((row) => ({ ...countsOf(row), bucket: Math.floor(Number(row.bucket)) }));
  }

  override async bins(range: CountedRange): Promise<Pick<CountedRow, 'step' | 'runBins' | 'waitBins'>[]> {
    const [rows] = await this.reads(this.statements.bins(range));
    return rows!.map(({ step, runBins, waitBins }) => ({
      step: textOf(step)!,
      runBins: String(runBins),
      waitBins: String(waitBins),
    }));
  }

  override async jobs(): Promise<JobCounts> {
    const { statements } = this;
    const [at, due, later, failed] = (await this.reads(
      statements.now(),
      statements.due(),
      statements.later(),
      statements.failed(),
    )) as [Row[], Row[], Row[], Row[]];
    const failures = Number(failed[0]!.jobs);
    const prepared = due.filter(({ status }) => status === 'prepared');
    const { limit } = statements;
    return {
      at: dateOf(at[0]!.now)!,
      limit,
      due: due.filter(({ status }) => status === 'submitted').map(dueGroupOf),
      moreDue: sumOf(due) > limit,
      later: [...later, ...prepared].map(laterGroupOf),
      moreLater: sumOf(later) > limit,
      failed: Math.min(failures, limit),
      moreFailed: failures > limit,
    };
  }

  override async failures(limit: number): Promise<FailedRow[]> {
    const range = rangeOfOwnGids();
    const [rows] = await this.reads(this.statements.failures(limit, range));
    const failures = rows!.map((row) => ({
      gid: String(row.gid),
      step: textOf(row.step) ?? '',
      errorName: textOf(row.errorName),
      error: textOf(row.error),
      endedAt: dateOf(row.endedAt)!,
    }));
    return sampledFailures(failures, limit, range);
  }

  private *rollUpSome(now: number): StatementSequence<boolean> {
    const { statements } = this;
    const end = hourOf(now - KEEP_MINUTES_MS);
    const found = yield statements.minutes(end - ROLL_UP_WITHIN_MS, end, ROLL_UP_ROWS);
    const all = (found.rows as Row[]).map(countedRowOf);
    if (all.length === 0) {
      yield statements.deleteBefore(now - KEEP_HOURS_MS);
      return false;
    }
    const hour = hourOf(all[0]!.bucket);
    const minutes = all.filter(({ bucket }) => hourOf(bucket) === hour);
    const known = yield statements.hours(hour, hour + HOUR_MS);
    for (const write of statements.write(rolledUp(minutes, (known.rows as Row[]).map(countedRowOf))))
      yield write;
    yield statements.delete(minutes);
    return true;
  }

  private written(report: ProcessReport): ProcessReport {
    const { text } = this.dialect;
    return {
      ...report,
      name: text.encode(report.name),
      host: text.encode(report.host),
      steps: report.steps.map((step) => text.encode(step)),
      busy: report.busy.map((busy) => ({ ...busy, step: text.encode(busy.step) })),
    };
  }

  private reads(...statements: readonly Statement[]): Promise<Row[][]> {
    return this.own(() => this.read(statements.map((statement) => this.statements.bounded(statement))));
  }

  private run({ sql, params }: Statement): Promise<StatementResult> {
    return this.own(() => this.connection.query(sql, params));
  }

  private own<T>(work: () => Promise<T>): Promise<T> {
    return orUnavailable('The database of the jobs', this.dialect, work);
  }
}

function processOf(row: Row): ProcessRecord {
  return {
    id: String(row.id),
    name: textOf(row.name)!,
    host: textOf(row.host)!,
    pid: Number(row.pid),
    version: String(row.version),
    state: row.state === 'stopping' ? 'stopping' : 'alive',
    runsSteps: isTrue(row.runsSteps),
    startedAt: dateOf(row.startedAt)!,
    seenAt: dateOf(row.seenAt)!,
    recoveredAt: dateOf(row.recoveredAt),
    concurrency: Number(row.concurrency),
    running: Number(row.running),
    waiting: Number(row.waiting),
    steps: (JSON.parse(String(row.steps)) as string[]).map(decodeText),
    busy: (JSON.parse(String(row.busy)) as ProcessRecord['busy']).map((busy) => ({
      ...busy,
      step: decodeText(busy.step),
    })),
  };
}

function dueGroupOf(row: Row): DueGroup {
  const { step, process, jobs, oldest } = row;
  return { step: textOf(step) ?? '', process: textOf(process), jobs: Number(jobs), oldest: dateOf(oldest)! };
}

function laterGroupOf(row: Row): LaterGroup {
  const status = row.status === 'prepared' ? 'prepared' : 'submitted';
  return { status, process: textOf(row.process), jobs: Number(row.jobs) };
}

function countedRowOf(row: Row): CountedRow {
  return {
    ...countsOf(row),
    bucket: Math.floor(Number(row.bucket)),
    step: String(row.step),
    process: String(row.process),
    runBins: String(row.runBins),
    waitBins: String(row.waitBins),
  };
}

function countsOf(row: Row): Counts {
  return {
    succeeded: Number(row.succeeded),
    failed: Number(row.failed),
    gaveUp: Number(row.gaveUp),
    jobsSucceeded: Number(row.jobsSucceeded),
    runMs: Number(row.runMs),
    waitMs: Number(row.waitMs),
  };
}

function sumOf(rows: readonly Row[]): number {
  return rows.reduce((sum, { jobs }) => sum + Number(jobs), 0);
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? decodeText(value) : null;
}

function dateOf(milliseconds: unknown): Date | null {
  return milliseconds === null || milliseconds === undefined
    ? null
    : new Date(Math.floor(Number(milliseconds)));
}
