import { setTimeout as sleep } from 'node:timers/promises';
import { LineLogger } from '../core/line-logger.js';
import { checkGid, isGid } from '../core/jobs/gid.js';
import type { QueryRunnerLike } from '../core/transactions/typeorm.types.js';
import { errorText } from '../errors/error-text.js';
import { TransactionConflictError } from '../errors/index.js';
import { insertIn, readIn, runIn } from './connections/application-transaction.js';
import type { InternalConnection, Statement, StatementResult } from './connections/internal.connection.js';
import { assertRowLocks } from './connections/row-locks.js';
import type { Dialect } from './dialect.js';
import { orUnavailable } from './driver-errors.js';
import { inBatches } from './job-batches.js';
import { isTrue, recordOf, type JobRow, type SweptRow } from './job-rows.js';
import type { JobStatements } from './job-statements.js';
import {
  JobStore,
  type ClaimedJob,
  type ClaimRequest,
  type ExpiredPage,
  type JobChange,
  type JobQuery,
  type JobRecord,
  type LeaseKey,
  type NewJob,
  type PreparedChange,
  type RecordPage,
} from './job-store.js';
import { SchemaMigrator } from './migrations/schema-migrator.js';
import { RawSql } from './sql-template.js';
import { decodeText, type StoredText } from './stored-text.js';

/** Renewals and claims lock rows for moments only. */
const LOCKED_RETRIES = 6;
const FIRST_LOCKED_PAUSE_MS = 2;
/** A row that stays locked for longer is in somebody else's transaction, and the other jobs must go on. */
const LOCK_TIMEOUT_MS = 2_000;

/**
 * Keeps jobs in a table of a TypeORM `DataSource`. This class cuts batches to size, retries locked rows, and translates
 * rows and errors. The SQL is in its subclasses, one for each database.
 *
 * The methods of a subclass that take several rows return the gids of the rows that they wrote. They expect at least one
 * row and at most a few hundred.
 *
 * @internal Internal to the library: it changes without notice.
 */
export abstract class SqlJobStore extends JobStore {
  private readonly logger = new LineLogger('Stepping');

  /** Runs the renewals, and what they ask about the leases. */
  renewals: InternalConnection;

  constructor(
    protected readonly connection: InternalConnection,
    protected readonly dialect: Dialect,
  ) {
    super();
    this.renewals = connection;
  }

  /** Known once `initialize()` has returned. */
  abstract get statements(): JobStatements;
  protected abstract insertBatch(jobs: readonly NewJob[]): Promise<Set<string>>;
  protected abstract claimBatch(request: ClaimRequest): Promise<ClaimedJob[]>;
  /** Leaves out rows that are locked. */
  protected abstract renewBatch(keys: readonly LeaseKey[], leaseDuration: number): Promise<Set<string>>;
  protected abstract heldBatch(keys: readonly LeaseKey[]): Promise<Set<string>>;
  /**
   * Without a `lockTimeout`, leaves out rows that are locked. With one, waits for them that many milliseconds, or the
   * next whole second where the database counts in those; when that is too short, throws a transient error and
   * changes nothing.
   */
  protected abstract changeBatch(changes: readonly JobChange[], lockTimeout?: number): Promise<Set<string>>;
  /** Those of `changes` that could still be made: their rows were locked. Waits for no lock. */
  protected abstract unchanged(changes: readonly JobChange[]): Promise<Set<string>>;
  protected abstract changePreparedBatch(changes: readonly PreparedChange[]): Promise<Set<string>>;

  /** Also throws `UnsupportedDatabaseError` for a server or tables that do not keep what jobs rely on. */
  override initialize(autoMigrate: boolean): Promise<void> {
    return this.own(async () => {
      await this.dialect.initialize(this.connection);
      const migrator = new SchemaMigrator(this.connection, this.dialect);
      if (autoMigrate) await migrator.migrate();
      else await migrator.check();
      await this.dialect.checkTables(this.connection, [this.dialect.names.jobs, this.dialect.names.barrier]);
      await assertRowLocks(this.connection, this.dialect);
    });
  }

  override checkNames(name: string | null, steps: readonly string[]): void {
    if (name !== null) this.text.checkName(name, 'name');
    for (const step of steps) this.text.checkName(step, 'the name of the step');
  }

  /**
   * A job whose own values cannot be written is logged and missing from the answer when others came with it. Alone, it
   * makes the insert throw.
   */
  override insert(jobs: readonly NewJob[]): Promise<Set<string>> {
    const leaveOut = (job: NewJob, error: unknown): void => {
      if (jobs.length === 1) throw error;
      this.report(job.gid, error);
    };
    const written = jobs.map((job) => this.text.ofJob(job));
    return this.own(() => this.batched(written, (batch) => this.insertBatch(batch), leaveOut));
  }

  /**
   * Throws `TransactionConflictError` when the database gave the transaction up, `JobOutsideTransactionError`, without
   * leaving the row, when there was none any more, and other errors of the driver, without the data in them.
   */
  override async insertIn(runner: QueryRunnerLike, job: NewJob): Promise<boolean> {
    const { gid, owner } = job;
    try {
      const insert = this.statements.insert(this.text.ofJob(job));
      return await insertIn(this.dialect, runner, gid, insert, () => this.deleteNew(gid, owner));
    } catch (error) {
      if (this.dialect.errors.isUniqueViolation(error)) return false;
      throw error;
    }
  }

  override claim(request: ClaimRequest): Promise<ClaimedJob[]> {
    const steps = this.encoded(request.steps);
    return this.own(() => this.claimBatch({ ...request, steps }));
  }

  override renew(keys: readonly LeaseKey[], leaseDuration: number): Promise<Set<string>> {
    return this.own(() => this.batched(keys, (batch) => this.renewBatch(batch, leaseDuration)));
  }

  override held(keys: readonly LeaseKey[]): Promise<Set<string>> {
    return this.own(() => this.batched(keys, (batch) => this.heldBatch(batch)));
  }

  /** Locked rows are tried again, the last time with a lock time-out. A row that stays locked is left out. */
  override change(
    changes: readonly JobChange[],
    onRefused = (gid: string, error: unknown): void => this.report(gid, error),
  ): Promise<Set<string>> {
    return this.own(async () => {
      const settled = new Set<string>();
      const changed = new Set<string>();
      const leaveOut = (change: JobChange, error: unknown): void => {
        settled.add(change.gid);
        onRefused(change.gid, error);
      };
      let remaining: readonly JobChange[] = changes.map((change) => this.text.ofChange(change));
      for (let tries = 0; ; tries += 1) {
        const patient = tries === LOCKED_RETRIES;
        const done = await this.changeOnce(remaining, patient, leaveOut);
        if (done.size === changes.length) return done;
        for (const gid of done) {
          changed.add(gid);
          settled.add(gid);
        }
        remaining = remaining.filter((change) => !settled.has(change.gid));
        if (remaining.length === 0 || patient) return changed;
        const locked = await this.batched(remaining, (batch) => this.unchanged(batch));
        remaining = remaining.filter((change) => locked.has(change.gid));
        if (remaining.length === 0) return changed;
        await sleep(FIRST_LOCKED_PAUSE_MS * 2 ** tries);
      }
    });
  }

  /**
   * Throws `TransactionConflictError` when the database has given up the transaction, also when only this statement
   * finds that out: nothing could take the change back then.
   */
  override async changeIn(runner: QueryRunnerLike, change: JobChange): Promise<boolean> {
    if ((await this.dialect.isInTransaction(runner, change.gid)) === false)
      throw new TransactionConflictError(change.gid);
    const statement = this.statements.change(this.text.ofChange(change));
    const result = await runIn(this.dialect, runner, change.gid, statement);
    return (result.affected ?? 0) > 0;
  }

  override async renewIn(
    runner: QueryRunnerLike,
    keys: readonly LeaseKey[],
    leaseDuration: number,
  ): Promise<void> {
    await runIn(this.dialect, runner, keys[0]!.gid, this.statements.renew(keys, leaseDuration));
  }

  override changePrepared(changes: readonly PreparedChange[]): Promise<Set<string>> {
    return this.own(() => this.batched(changes, (batch) => this.changePreparedBatch(batch)));
  }

  override async deleteNew(gid: string, owner: string | null): Promise<void> {
    await this.run(this.statements.deleteNew(gid, owner));
  }

  override async time(): Promise<Date> {
    const { rows } = await this.run(this.statements.time());
    return new Date(Math.floor(Number((rows as [{ now: unknown }])[0].now)));
  }

  override async find(gid: string): Promise<JobRecord | null> {
    if (!isGid(gid)) return null;
    const { rows } = await this.run(this.dialect.latest(this.statements.find(gid)));
    return firstOf(rows);
  }

  override async findBeside(gid: string): Promise<JobRecord | null> {
    const { rows } = await this.run(this.dialect.latest(this.statements.find(gid)), this.renewals);
    return firstOf(rows);
  }

  override async findIn(runner: QueryRunnerLike, gid: string): Promise<JobRecord | null> {
    if (!isGid(gid)) return null;
    const { rows } = await readIn(this.dialect, runner, gid, this.statements.find(gid));
    return firstOf(rows);
  }

  /** `createdAfter` is inclusive and `createdBefore` exclusive. Throws `InvalidGidError` for a `before` that is none. */
  override async list(query: JobQuery): Promise<RecordPage> {
    if (query.before !== undefined) checkGid(query.before);
    const { rows } = await this.run(this.statements.list(this.text.ofQuery(query)));
    const jobs = (rows as (JobRow & { found: unknown })[]).map(({ found: _found, ...row }) => recordOf(row));
    return { jobs, more: jobs.length > 0 && Number(rows[0].found) > jobs.length };
  }

  override async retry(gid: string): Promise<boolean> {
    return isGid(gid) && (await this.run(this.statements.retry(gid))).affected > 0;
  }

  override async cancel(gid: string): Promise<boolean> {
    return isGid(gid) && (await this.run(this.statements.cancel(gid))).affected > 0;
  }

  /** `limit` counts the rows that are looked at. Only the expired ones and the last one are sent. */
  override async expired(after: string, limit: number, retention: number): Promise<ExpiredPage> {
    const rows: SweptRow[] = (await this.run(this.statements.sweep(after, limit, retention))).rows;
    return {
      jobs: rows.filter((row) => isTrue(row.expired)).map(({ gid, lookup }) => ({ gid, lookup })),
      next: rows.at(-1)?.gid ?? null,
      young: isTrue(rows.at(-1)?.young),
    };
  }

  override async delete(gids: readonly string[]): Promise<void> {
    if (gids.length > 0) await this.run(this.statements.delete(gids));
  }

  override async unknownSteps(known: readonly string[], overdue: number): Promise<string[]> {
    const { rows } = await this.run(this.statements.overdueSteps(this.encoded(known), overdue));
    return (rows as { stepName: string }[]).map((row) => decodeText(row.stepName));
  }

  override async dueIn(steps: readonly string[]): Promise<number | null> {
    const { rows } = await this.run(this.statements.dueIn(this.encoded(steps)));
    const [{ dueIn }] = rows as [{ dueIn: number | string | null }];
    return dueIn === null ? null : Number(dueIn);
  }

  override async elapse(milliseconds: number): Promise<void> {
    await this.run(this.statements.elapse(milliseconds));
  }

  protected get text(): StoredText {
    return this.dialect.text;
  }

  private encoded(names: readonly string[]): string[] {
    return names.map((name) => this.text.encode(name));
  }

  /** The table, qualified and quoted. */
  protected get jobs(): RawSql {
    return new RawSql(this.dialect.tables.jobs);
  }

  private async changeOnce(
    changes: readonly JobChange[],
    patient: boolean,
    leaveOut: (change: JobChange, error: unknown) => void,
  ): Promise<Set<string>> {
    const longest = Math.min(LOCK_TIMEOUT_MS, this.dialect.statementTimeout / 2);
    const lockTimeout = patient ? longest : undefined;
    try {
      return await this.batched(changes, (batch) => this.changeBatch(batch, lockTimeout), leaveOut);
    } catch (error) {
      if (!patient || !this.dialect.errors.isTransient(error)) throw error;
      return this.changeOnce(changes, false, leaveOut);
    }
  }

  private batched<T extends { readonly gid: string }>(
    rows: readonly T[],
    run: (batch: readonly T[]) => Promise<Set<string>>,
    leaveOut = (row: T, error: unknown): void => this.report(row.gid, error),
  ): Promise<Set<string>> {
    return inBatches(rows, run, { isRowError: this.dialect.errors.isRowError, leaveOut });
  }

  private report(gid: string, error: unknown): void {
    this.logger.error(`The database refuses to write job '${gid}', which is left out: ${errorText(error)}`);
  }

  private run({ sql, params }: Statement, connection = this.connection): Promise<StatementResult> {
    return this.own(() => connection.query(sql, params));
  }

  private own<T>(work: () => Promise<T>): Promise<T> {
    return orUnavailable('The database of the jobs', this.dialect, work);
  }
}

function firstOf(rows: readonly JobRow[]): JobRecord | null {
  return rows[0] ? recordOf(rows[0]) : null;
}
