import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { checkGid, isGid } from '../core/jobs/gid.js';
import type { InternalConnection, Statement } from './connections/internal.connection.js';
import { inTurn } from './connections/runner-turn.js';
import type { JobCatalog } from './job-catalog.js';
import type { JobRow, JobTable } from './job-table.js';
import type { Dialect } from './dialect.js';
import { SchemaMigrator } from './migrations/schema-migrator.js';
import type { QueryRunnerLike, StructuredResult } from '../core/transactions/typeorm.types.js';
import {
  JobOutsideTransactionError,
  SteppingError,
  TransactionConflictError,
  TransactionManagerUnavailableError,
} from '../errors/index.js';
import { inBatches } from './job-batches.js';
import { claimedOf, firstRecordOf, recordOf } from './job-record.mapper.js';
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
} from './job-store.js';

/** Because rows are locked for moments only, by renewals and claims. */
const LOCKED_RETRIES = 6;
const FIRST_LOCKED_PAUSE_MS = 2;
/** Because whoever locks a row for longer is somebody else's transaction, and the other jobs must go on. */
const LOCK_TIMEOUT_MS = 2_000;

/**
 * Keeps jobs in a table of a TypeORM `DataSource`: PostgreSQL, MySQL, MariaDB or SQLite. The SQL is in
 * `store`; this class cuts batches to size and turns rows and errors into the library's own.
 *
 * @internal Internal to the library: it changes without notice.
 */
export class SqlJobStore extends JobStore {
  private readonly logger = new Logger('Stepping');
  private opened: { readonly table: JobTable; readonly catalog: JobCatalog } | undefined;

  constructor(
    private readonly connection: InternalConnection,
    private readonly dialect: Dialect,
  ) {
    super();
  }

  /** Also throws `UnsupportedDatabaseError` for a server that is too old. */
  override initialize(autoMigrate: boolean): Promise<void> {
    return this.own(async () => {
      await this.dialect.initialize(this.connection);
      const migrator = new SchemaMigrator(this.connection, this.dialect);
      if (autoMigrate) await migrator.migrate();
      else await migrator.check();
    });
  }

  /**
   * A job whose own values cannot be written is missing from the answer as well, when others came with
   * it, and is logged; alone, it makes the insert throw.
   */
  override insert(jobs: readonly NewJob[]): Promise<Set<string>> {
    const insert = (batch: readonly NewJob[]): Promise<Set<string>> => this.table.insert(batch);
    return this.own(() =>
      this.batched(jobs, insert, (job, error) => {
        if (jobs.length === 1) throw error;
        this.report(job.gid, error);
      }),
    );
  }

  /**
   * Throws `TransactionConflictError` when the database gave the transaction up, `JobOutsideTransactionError`,
   * without leaving the row, when there was none any more, and other errors of the driver unchanged.
   */
  override async insertIn(runner: QueryRunnerLike, job: NewJob): Promise<boolean> {
    let result: StructuredResult;
    try {
      result = await this.runIn(runner, job.gid, this.table.insertStatement(job));
    } catch (error) {
      if (this.dialect.isUniqueViolation(error)) return false;
      throw error;
    }
    if (!result.affected) return false;
    if (this.dialect.inTransactionAfter(result, runner) === false) {
      await this.own(() => this.table.deleteNew(job.gid, job.owner));
      throw new JobOutsideTransactionError(job.gid);
    }
    return true;
  }

  override commitStatement(job: NewJob): Statement | undefined {
    return this.table.commitStatement(job);
  }

  override claim(request: ClaimRequest): Promise<ClaimedJob[]> {
    return this.own(async () => (await this.table.claim(request)).map(claimedOf));
  }

  override renew(keys: readonly LeaseKey[], leaseDuration: number): Promise<Set<string>> {
    return this.own(() => this.batched(keys, (batch) => this.table.renew(batch, leaseDuration)));
  }

  override held(keys: readonly LeaseKey[]): Promise<Set<string>> {
    return this.own(() => this.batched(keys, (batch) => this.table.held(batch)));
  }

  /** Rows that somebody has locked are tried again, in the end with patience; one that stays locked is left out. */
  override change(changes: readonly JobChange[]): Promise<Set<string>> {
    return this.own(async () => {
      const settled = new Set<string>();
      const changed = new Set<string>();
      const leaveOut = (change: JobChange, error: unknown): void => {
        settled.add(change.gid);
        this.report(change.gid, error);
      };
      let remaining = changes;
      for (let tries = 0; ; tries += 1) {
        const patient = tries === LOCKED_RETRIES;
        const done = await this.changeOnce(remaining, patient, leaveOut);
        if (done.size === changes.length) return done;
        for (const gid of done) {
          changed.add(gid);
          settled.add(gid);
        }
        remaining = remaining.filter((change) => !settled.has(change.gid));
        if (!this.dialect.capabilities.skipLocked || remaining.length === 0 || patient) return changed;
        const locked = await this.batched(remaining, (batch) => this.table.unchanged(batch));
        remaining = remaining.filter((change) => locked.has(change.gid));
        if (remaining.length === 0) return changed;
        await sleep(FIRST_LOCKED_PAUSE_MS * 2 ** tries);
      }
    });
  }

  /**
   * Throws `TransactionConflictError` when the transaction has been given up by the database, also
   * when only this statement finds that out: outside of it, nothing could take the change back.
   */
  override async changeIn(runner: QueryRunnerLike, change: JobChange): Promise<boolean> {
    if ((await this.dialect.isInTransaction(runner)) === false)
      throw new TransactionConflictError(change.gid);
    const result = await this.runIn(runner, change.gid, this.table.changeStatement(change));
    return (result.affected ?? 0) > 0;
  }

  override changePrepared(changes: readonly PreparedChange[]): Promise<Set<string>> {
    return this.own(() => this.batched(changes, (batch) => this.table.changePrepared(batch)));
  }

  override deleteNew(gid: string, owner: string | null): Promise<void> {
    return this.own(() => this.table.deleteNew(gid, owner));
  }

  override async find(gid: string): Promise<JobRecord | null> {
    if (!isGid(gid)) return null;
    const { sql, params } = this.catalog.findStatement(gid);
    const { rows } = await this.own(() => this.connection.query(sql, params));
    return firstRecordOf(rows as JobRow[]);
  }

  override async findIn(runner: QueryRunnerLike, gid: string): Promise<JobRecord | null> {
    if (!isGid(gid)) return null;
    const result = await this.runIn(runner, gid, this.catalog.findStatement(gid));
    return firstRecordOf((result.records ?? []) as JobRow[]);
  }

  /** `createdAfter` is inclusive and `createdBefore` exclusive. Throws `InvalidGidError` for a `before` that is none. */
  override list(query: JobQuery): Promise<JobRecord[]> {
    return this.own(async () => {
      if (query.before !== undefined) checkGid(query.before);
      return (await this.catalog.list(query)).map(recordOf);
    });
  }

  override async retry(gid: string): Promise<boolean> {
    return isGid(gid) && this.own(() => this.catalog.retry(gid));
  }

  override async cancel(gid: string): Promise<boolean> {
    return isGid(gid) && this.own(() => this.catalog.cancel(gid));
  }

  /** `limit` counts the rows that are looked at, of which only the expired ones and the last one travel. */
  override expired(after: string, limit: number, retention: number): Promise<ExpiredPage> {
    return this.own(async () => {
      const rows = await this.catalog.sweep(after, limit, retention);
      return {
        jobs: rows.filter((row) => isTrue(row.expired)).map(({ gid, lookup }) => ({ gid, lookup })),
        next: rows.at(-1)?.gid ?? null,
        young: rows.length > 0 && isTrue(rows.at(-1)!.young),
      };
    });
  }

  override async delete(gids: readonly string[]): Promise<void> {
    if (gids.length > 0) await this.own(() => this.catalog.delete(gids));
  }

  override unknownSteps(known: readonly string[], overdue: number): Promise<string[]> {
    return this.own(() => this.catalog.overdueSteps(known, overdue));
  }

  override dueIn(steps: readonly string[]): Promise<number | null> {
    return this.own(async () => {
      const milliseconds = await this.catalog.dueIn(steps);
      return milliseconds === null ? null : Number(milliseconds);
    });
  }

  override elapse(milliseconds: number): Promise<void> {
    return this.own(() => this.catalog.elapse(milliseconds));
  }

  private async changeOnce(
    changes: readonly JobChange[],
    patient: boolean,
    leaveOut: (change: JobChange, error: unknown) => void,
  ): Promise<Set<string>> {
    if (!patient) return this.batched(changes, (batch) => this.table.change(batch), leaveOut);
    try {
      const change = (batch: readonly JobChange[]): Promise<Set<string>> =>
        this.table.changePatiently(batch, LOCK_TIMEOUT_MS);
      return await this.batched(changes, change, leaveOut);
    } catch (error) {
      if (!this.dialect.isTransientError(error)) throw error;
      return this.changeOnce(changes, false, leaveOut);
    }
  }

  private get table(): JobTable {
    return this.open().table;
  }

  private get catalog(): JobCatalog {
    return this.open().catalog;
  }

  private open(): { readonly table: JobTable; readonly catalog: JobCatalog } {
    return (this.opened ??= {
      table: this.dialect.jobTable(this.connection),
      catalog: this.dialect.jobCatalog(this.connection),
    });
  }

  private batched<T extends { readonly gid: string }>(
    rows: readonly T[],
    run: (batch: readonly T[]) => Promise<Set<string>>,
    leaveOut = (row: T, error: unknown): void => this.report(row.gid, error),
  ): Promise<Set<string>> {
    return inBatches(rows, run, { isRowError: (error) => this.dialect.isRowError(error), leaveOut });
  }

  private report(gid: string, error: unknown): void {
    this.logger.error(`The database refuses to write job '${gid}', which is left out: ${String(error)}`);
  }

  private async runIn(
    runner: QueryRunnerLike,
    gid: string,
    { sql, params }: Statement,
  ): Promise<StructuredResult> {
    try {
      return (await inTurn(runner, () => runner.query(sql, [...params], true))) as StructuredResult;
    } catch (error) {
      if (this.dialect.isTransientError(error)) throw new TransactionConflictError(gid, { cause: error });
      throw error;
    }
  }

  /** Nobody above sees an error of a driver: what is not ours means that the database did not do its work. */
  private async own<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof SteppingError) throw error;
      throw new TransactionManagerUnavailableError('The database of the jobs', { cause: error });
    }
  }
}

/** Drivers give back truth values as booleans, numbers or, as their settings are, strings. */
function isTrue(value: unknown): boolean {
  return value === true || Number(value) === 1;
}
