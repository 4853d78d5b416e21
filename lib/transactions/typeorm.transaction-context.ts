import type { DatabaseLookup } from '../core/transactions/database-lookup.js';
import {
  TransactionContext,
  type TransactionOutcome,
  type TransactionParticipant,
} from '../core/transactions/transaction-context.js';
import {
  DuplicateBarrierError,
  JobOutsideTransactionError,
  TransactionEndedError,
  TransactionNotActiveError,
} from '../errors/index.js';
import type { Barrier } from '../store/barrier.js';
import type { QueryRunnerLike } from '../core/transactions/typeorm.types.js';
import { QueryRunnerObserver } from './query-runner.observer.js';

/** The barrier of the transaction's database, as it is reached while the transaction is open and afterwards. */
export interface TransactionBarrier {
  within(): Promise<Barrier>;
  afterwards(): Promise<Barrier>;
}

/** A TypeORM transaction: the one open on a query runner. */
export class TypeOrmTransactionContext extends TransactionContext {
  private readonly watch: QueryRunnerObserver;

  constructor(
    override readonly queryRunner: QueryRunnerLike,
    private readonly resolveLookup: () => DatabaseLookup,
    private readonly barrier: TransactionBarrier,
  ) {
    super();
    this.watch = QueryRunnerObserver.of(queryRunner);
  }

  get lookup(): DatabaseLookup {
    return this.resolveLookup();
  }

  override get outside(): boolean {
    return this.watch.transaction?.outside === true;
  }

  assertOpen(gid: string): void {
    if (this.watch.ended) throw new TransactionEndedError(gid);
    if (this.queryRunner.isReleased || !this.queryRunner.isTransactionActive) {
      throw new TransactionNotActiveError('transaction');
    }
  }

  async enlist<T>(participant: TransactionParticipant, work: () => Promise<T>): Promise<T> {
    return this.watch.enlist(participant, work);
  }

  /** A tenant's database that is used for the first time gets its table now. */
  override async openBarrier(): Promise<void> {
    await this.barrier.within();
  }

  async insertBarrier(gid: string): Promise<void> {
    const barrier = await this.barrier.within();
    const inserted = await barrier.insert(this.queryRunner, { gid });
    if (this.outside) {
      // It was committed on its own and would read as the commit of a transaction that is gone.
      if (inserted) await barrier.purge([gid]);
      throw new JobOutsideTransactionError(gid);
    }
    if (inserted) return;
    const error = new DuplicateBarrierError(gid);
    this.watch.transaction?.refuse(gid, error);
    throw error;
  }

  async queryPrepared(gid: string): Promise<TransactionOutcome> {
    return (await this.barrier.afterwards()).queryPrepared(gid);
  }
}
