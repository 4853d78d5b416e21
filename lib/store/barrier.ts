import { checkGid } from '../core/jobs/gid.js';
import {
  JobOutsideTransactionError,
  SteppingError,
  TransactionConflictError,
  TransactionManagerUnavailableError,
  UnresolvedTransactionError,
} from '../errors/index.js';
import type { InternalConnection } from './connections/internal.connection.js';
import { inTurn } from './connections/runner-turn.js';
import { ROLLBACK_REASON, type BarrierRow, type BarrierTable } from './barrier-table.js';
import type { Dialect } from './dialect.js';
import { SchemaMigrator } from './migrations/schema-migrator.js';
import type { QueryRunnerLike, StructuredResult } from '../core/transactions/typeorm.types.js';

/** The first barrier of a branch; the library never needs a second one. */
const BARRIER_ID = '01';
/** Half of the time that DTM waits for an answer: a later one would count as none. */
const DEFAULT_LOCK_TIMEOUT_MS = 1000;

/** What is inserted; the defaults are those of the transaction that starts a job. */
export interface BarrierInsert {
  readonly gid: string;
  readonly branchId?: string;
  readonly op?: string;
  readonly reason?: string;
}

/**
 * The barrier of one database: the row whose unique key decides, once and for all, whether a transaction
 * committed. The transaction inserts it; whoever asks inserts the opposite; the second one to come obeys.
 * Table and values are those of DTM.
 *
 * @internal Internal to the library: it changes without notice.
 */
export class Barrier {
  private barrierTable: BarrierTable | undefined;
  private readonly lockTimeout: number;

  constructor(
    private readonly connection: InternalConnection,
    private readonly dialect: Dialect,
    /** Milliseconds that a question waits for a transaction that holds the row. */
    { lockTimeout = DEFAULT_LOCK_TIMEOUT_MS }: { readonly lockTimeout?: number } = {},
  ) {
    this.lockTimeout = lockTimeout;
  }

  /**
   * Makes sure of the table. Throws `UnsupportedDatabaseError`, and `SchemaOutdatedError` when the table
   * is missing and `autoMigrate` is off. To be awaited before anything else.
   */
  async initialize(autoMigrate: boolean): Promise<void> {
    await this.own(async () => {
      await this.dialect.initialize(this.connection);
      await new SchemaMigrator(this.connection, this.dialect).ensureBarrier(autoMigrate);
    });
  }

  /**
   * Inserts a barrier row in the transaction of `runner`; false when its key is taken, after which the
   * transaction must not commit. Throws `TransactionConflictError` when the database gave the
   * transaction up, and `JobOutsideTransactionError`, without leaving the row, when there was none.
   */
  async insert(
    runner: QueryRunnerLike,
    { gid, branchId = '00', op = 'msg', reason = op }: BarrierInsert,
  ): Promise<boolean> {
    const row: BarrierRow = { gid: checkGid(gid), branchId, op, barrierId: BARRIER_ID, reason };
    const { sql, params } = this.table.insertStatement(row);
    let result: StructuredResult;
    try {
      result = (await inTurn(runner, () => runner.query(sql, [...params], true))) as StructuredResult;
    } catch (error) {
      if (this.dialect.isTransientError(error)) throw new TransactionConflictError(gid, { cause: error });
      throw error;
    }
    if ((result.affected ?? 0) === 0) return false;
    if (this.dialect.inTransactionAfter(result, runner) === false) {
      await this.own(() => this.table.delete(row));
      throw new JobOutsideTransactionError(gid);
    }
    return true;
  }

  /** Whether a row is there and committed, whatever its reason. */
  async exists(gid: string, branchId = '00', op = 'msg'): Promise<boolean> {
    return (await this.reasonOf(gid, branchId, op)) !== undefined;
  }

  /** Whether the transaction of `gid` is known to have committed. No row says neither yes nor no. */
  async isCommitted(gid: string): Promise<boolean> {
    const reason = await this.reasonOf(gid, '00', 'msg');
    return reason !== undefined && reason !== ROLLBACK_REASON;
  }

  /**
   * Finds out how the transaction of a prepared job ended; one that has not inserted its barrier yet is
   * hereby rolled back. Throws `UnresolvedTransactionError` while the transaction is still open, and
   * `TransactionManagerUnavailableError` when the database cannot be asked. Neither is an answer.
   */
  async queryPrepared(gid: string): Promise<'committed' | 'rolledBack'> {
    const row: BarrierRow = {
      gid: checkGid(gid),
      branchId: '00',
      op: 'msg',
      barrierId: BARRIER_ID,
      reason: ROLLBACK_REASON,
    };
    let reason: string | undefined;
    try {
      reason = await this.table.decide(row, this.lockTimeout);
    } catch (error) {
      if (this.dialect.isTransientError(error) || error instanceof TransactionManagerUnavailableError) {
        throw new UnresolvedTransactionError(gid, 'its transaction is still open', { cause: error });
      }
      throw unavailable(error);
    }
    // Somebody deleted the row between the two statements. It says nothing about the transaction.
    if (reason === undefined) throw new UnresolvedTransactionError(gid, 'its barrier row has disappeared');
    return reason === ROLLBACK_REASON ? 'rolledBack' : 'committed';
  }

  /** Deletes the rows of jobs that are known to have ended at their transaction manager. */
  async purge(gids: readonly string[]): Promise<void> {
    if (gids.length > 0) await this.own(() => this.table.purge(gids));
  }

  private reasonOf(gid: string, branchId: string, op: string): Promise<string | undefined> {
    return this.own(() => this.table.reasonOf({ gid, branchId, op, barrierId: BARRIER_ID }));
  }

  private get table(): BarrierTable {
    return (this.barrierTable ??= this.dialect.barrierTable(this.connection));
  }

  private async own<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw unavailable(error);
    }
  }
}

function unavailable(error: unknown): SteppingError {
  if (error instanceof SteppingError) return error;
  return new TransactionManagerUnavailableError('The database of the barrier', { cause: error });
}
