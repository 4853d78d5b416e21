import type { Statement } from './connections/internal.connection.js';

/** The unique key of a barrier row. */
export interface BarrierKey {
  readonly gid: string;
  readonly branchId: string;
  readonly op: string;
  readonly barrierId: string;
}

/** A barrier row; `reason` says who came first. */
export interface BarrierRow extends BarrierKey {
  readonly reason: string;
}

/** The `trans_type` of every row of the library: two-phase messages. */
export const BARRIER_TRANS_TYPE = 'msg';

/** The reason that stands for a rollback; any other one stands for a commit. */
export const ROLLBACK_REASON = 'rollback';

/**
 * The SQL of the barrier table for one database.
 *
 * @internal Internal to the library: it changes without notice.
 */
export abstract class BarrierTable {
  /** Inserts the row in a transaction of the application, or changes nothing when its key is taken. */
  abstract insertStatement(row: BarrierRow): Statement;

  /** The reason of a committed row, `undefined` when there is none. */
  abstract reasonOf(key: BarrierKey): Promise<string | undefined>;

  /**
   * Inserts the row unless its key is taken, and reads the reason back, in a READ COMMITTED transaction of
   * its own. Throws the database's error when another transaction holds the key for longer than
   * `lockTimeout` milliseconds; nothing is tried again.
   */
  abstract decide(row: BarrierRow, lockTimeout: number): Promise<string | undefined>;

  /** Deletes one row, as long as it has this reason. */
  abstract delete(row: BarrierRow): Promise<void>;
  /** Deletes every row of these gids. */
  abstract purge(gids: readonly string[]): Promise<void>;
}
