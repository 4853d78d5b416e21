import type { QueryRunnerLike } from '../core/transactions/typeorm.types.js';
import {
  InvalidGidError,
  TransactionManagerUnavailableError,
  UnresolvedTransactionError,
  UnsupportedDatabaseError,
} from '../errors/index.js';
import { insertIn } from './connections/application-transaction.js';
import type { InternalConnection, Statement, StatementResult } from './connections/internal.connection.js';
import type { Dialect } from './dialect.js';
import { orUnavailable } from './driver-errors.js';
import { SchemaMigrator } from './migrations/schema-migrator.js';
import { fragment, RawSql, type Fragment } from './sql-template.js';

/** The `trans_type` of every row of the library: two-phase messages. */
const BARRIER_TRANS_TYPE = 'msg';

/** The first barrier of a branch; the library never needs a second one. */
const BARRIER_ID = '01';

/** Tables that DTM's scripts have made do not all set the times by themselves, and rows are deleted by their age. */
export const BARRIER_COLUMNS = new RawSql(
  '(trans_type, gid, branch_id, op, barrier_id, reason, create_time, update_time)',
);

/** This reason stands for a rollback; any other one stands for a commit. */
const ROLLBACK_REASON = 'rollback';

/** Of the rows of transactional steps. */
const STEP_OP = 'action';
/** Of the row of a step that somebody skips; any other one stands for an attempt that has committed. */
const SKIPPED_REASON = 'skipped';

/** Half of the time that DTM waits for an answer: a later one would count as none. */
const DEFAULT_LOCK_TIMEOUT_MS = 1000;

/** A longer gid would be cut without a word by MySQL, and a space at its end overlooked. */
const MAX_GID_LENGTH = 128;
const GID = /^[\x21-\x7e]+$/;

/** The unique key of a row, to which `BARRIER_ID` belongs as well. */
export interface BarrierKey {
  /** The job's own, or the one that its transaction manager has given its barriers. */
  readonly gid: string;
  readonly branchId: string;
  readonly op: string;
}

/** A row as it is stored; `reason` says who came first: `op`, or the rollback. */
export interface BarrierRow extends BarrierKey {
  readonly reason: string;
}

/** A row to insert; the defaults are those of the transaction that starts a job. */
export interface BarrierInsert extends Partial<BarrierKey> {
  readonly gid: string;
  /** The gid of the job, for errors. */
  readonly job?: string;
}

export interface BarrierOptions {
  /** Milliseconds that `queryPrepared()` waits for a transaction that holds the row. */
  readonly lockTimeout?: number;
}

/**
 * The barrier of one database: a row whose unique key decides, once and for all, whether a transaction committed. The
 * transaction inserts it. Whoever asks inserts the opposite. The second one to come obeys. Table and values are those
 * of DTM. The SQL is in its subclasses, one for each database.
 *
 * Somebody else may have made the table, with columns that are compared without regard to case or to spaces at the end. So
 * the key is read back with every row, and compared here.
 *
 * @internal Internal to the library: it changes without notice.
 */
export abstract class Barrier {
  private readonly lockTimeout: number;

  constructor(
    protected readonly connection: InternalConnection,
    protected readonly dialect: Dialect,
    { lockTimeout = DEFAULT_LOCK_TIMEOUT_MS }: BarrierOptions = {},
  ) {
    this.lockTimeout = lockTimeout;
  }

  /** Deletes every row of exactly these gids. */
  protected abstract purgeStatement(gids: readonly string[]): Statement;
  /**
   * Inserts the row unless its key is taken, and selects it, in a READ COMMITTED transaction of its own. Throws
   * the database's error when another transaction holds the key for more than `lockTimeout` milliseconds, without
   * trying again.
   */
  protected abstract decide(row: BarrierRow, lockTimeout: number): Promise<StatementResult>;

  /**
   * Creates or checks the table; to be awaited before anything else. Throws `UnsupportedDatabaseError`, and
   * `SchemaOutdatedError` when the table is missing and `autoMigrate` is off.
   */
  async initialize(autoMigrate: boolean): Promise<void> {
    await this.own(async () => {
      await this.dialect.initialize(this.connection);
      await new SchemaMigrator(this.connection, this.dialect).ensure('barrier', autoMigrate);
      await this.dialect.checkTables(this.connection, [this.dialect.names.barrier]);
    });
  }

  /**
   * Inserts a barrier row in the transaction of `runner`; false when its key is taken, after which the transaction must
   * not commit. Throws `TransactionConflictError` when the database gave the transaction up, and
   * `JobOutsideTransactionError`, without leaving the row, when there was none.
   */
  async insert(
    runner: QueryRunnerLike,
    { gid, branchId = '00', op = 'msg', job = gid }: BarrierInsert,
  ): Promise<boolean> {
    const row = { gid: checkBarrierGid(gid), branchId, op, reason: op };
    return insertIn(this.dialect, runner, job, this.insertStatement(row), () => this.withdraw(row));
  }

  /** Deletes the row that `insert()` has written where it should not have been. */
  async withdraw({ gid, branchId = '00', op = 'msg' }: BarrierInsert): Promise<void> {
    await this.delete({ gid, branchId, op, reason: op });
  }

  /**
   * Makes sure that no attempt of a step can commit any more: `done` when one has. Throws as `queryPrepared()` does while the
   * transaction of an attempt is open.
   */
  async skip(gid: string, branchId: string): Promise<'done' | 'skipped'> {
    const row = { gid: checkBarrierGid(gid), branchId, op: STEP_OP, reason: SKIPPED_REASON };
    return (await this.decided(row)) === SKIPPED_REASON ? 'skipped' : 'done';
  }

  /** Takes `skip()` back. */
  withdrawSkip(gid: string, branchId: string): Promise<void> {
    return this.delete({ gid, branchId, op: STEP_OP, reason: SKIPPED_REASON });
  }

  /**
   * Whether an attempt of a step has committed. To be asked under the lease of the job: what is left there of a skip says then that
   * the job has not gone on, and is deleted.
   */
  async isDone(gid: string, branchId: string): Promise<boolean> {
    const reason = await this.reasonOf({ gid, branchId, op: STEP_OP });
    if (reason !== SKIPPED_REASON) return reason !== undefined;
    await this.withdrawSkip(gid, branchId);
    return false;
  }

  /** Whether the transaction with the row of `gid` is known to have committed. No row means neither yes nor no. */
  async isCommitted(gid: string): Promise<boolean> {
    const reason = await this.reasonOf({ gid, branchId: '00', op: 'msg' });
    return reason !== undefined && reason !== ROLLBACK_REASON;
  }

  /**
   * Finds out how the transaction of a prepared job ended; one that has not inserted its barrier yet can no longer
   * commit. Throws `UnresolvedTransactionError` while the transaction is open, `TransactionManagerUnavailableError`
   * when the database cannot be asked, and `UnsupportedDatabaseError` when its table takes another gid for this one. None of
   * them is an answer.
   */
  async queryPrepared(gid: string): Promise<'committed' | 'rolledBack'> {
    const row = { gid: checkBarrierGid(gid), branchId: '00', op: 'msg', reason: ROLLBACK_REASON };
    return (await this.decided(row)) === ROLLBACK_REASON ? 'rolledBack' : 'committed';
  }

  /** Deletes the rows of jobs that are known to have ended at their transaction manager. */
  async purge(gids: readonly string[]): Promise<void> {
    if (gids.length > 0) await this.run(this.purgeStatement(gids));
  }

  /** Inserts a row, or changes nothing when its key is taken. */
  protected insertStatement(row: BarrierRow): Statement {
    // Names no constraint: the table may be one that another library has created.
    return this.dialect.sql`
        INSERT INTO ${this.table} ${BARRIER_COLUMNS}
        VALUES (${barrierValues(row)})
            ON CONFLICT DO NOTHING`;
  }

  protected selectStatement(key: BarrierKey): Statement {
    return this.dialect
      .sql`SELECT gid, branch_id, op, barrier_id, reason FROM ${this.table} WHERE ${isKey(key)}`;
  }

  /** Qualified and quoted. */
  protected get table(): RawSql {
    return new RawSql(this.dialect.tables.barrier);
  }

  /** Inserts a row unless its key is taken; the reason that is there then. */
  private async decided(row: BarrierRow): Promise<string> {
    const { gid } = row;
    const reason = await this.own(async () => {
      try {
        const found = await this.decide(row, this.lockTimeout);
        const exact = reasonIn(found, row);
        if (exact === undefined && found.rows.length > 0) throw confused(gid);
        return exact;
      } catch (error) {
        const open =
          this.dialect.errors.isTransient(error) || error instanceof TransactionManagerUnavailableError;
        if (!open) throw error;
        throw new UnresolvedTransactionError(gid, 'its transaction is still open', { cause: error });
      }
    });
    // Somebody deleted the row between the two statements. It says nothing about the transaction.
    if (reason === undefined) throw new UnresolvedTransactionError(gid, 'its barrier row has disappeared');
    return reason;
  }

  private async delete(row: BarrierRow): Promise<void> {
    await this.run(
      this.dialect.sql`DELETE FROM ${this.table} WHERE ${isKey(row)} AND reason = ${row.reason}`,
    );
  }

  private async reasonOf(key: BarrierKey): Promise<string | undefined> {
    return reasonIn(await this.run(this.dialect.latest(this.selectStatement(key))), key);
  }

  private run({ sql, params }: Statement): Promise<StatementResult> {
    return this.own(() => this.connection.query(sql, params));
  }

  private own<T>(work: () => Promise<T>): Promise<T> {
    return orUnavailable('The database of the barrier', this.dialect, work);
  }
}

/** For `BARRIER_COLUMNS`. */
export function barrierValues({ gid, branchId, op, reason }: BarrierRow): Fragment {
  return fragment`${BARRIER_TRANS_TYPE}, ${gid}, ${branchId}, ${op}, ${BARRIER_ID}, ${reason}, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP`;
}

function isKey({ gid, branchId, op }: BarrierKey): Fragment {
  return fragment`gid = ${gid} AND branch_id = ${branchId} AND op = ${op} AND barrier_id = ${BARRIER_ID}`;
}

/** Columns may be binary, whose values come as bytes. */
function reasonIn({ rows }: StatementResult, { gid, branchId, op }: BarrierKey): string | undefined {
  const found = (rows as Record<string, unknown>[]).find(
    (row) =>
      String(row.gid) === gid &&
      String(row.branch_id) === branchId &&
      String(row.op) === op &&
      String(row.barrier_id) === BARRIER_ID,
  );
  return found && String(found.reason);
}

function checkBarrierGid(gid: string): string {
  if (gid.length > MAX_GID_LENGTH)
    throw new InvalidGidError(gid, `in barrier tables it has ${gid.length} characters`);
  if (!GID.test(gid)) throw new InvalidGidError(gid, 'barrier tables do not keep it as it is');
  return gid;
}

function confused(gid: string): Error {
  return new UnsupportedDatabaseError(
    `A barrier table that takes another gid for '${gid}'`,
    'a table whose columns compare exactly, such as COLLATE utf8mb4_bin',
  );
}
