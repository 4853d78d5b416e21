import {
  type DatabaseLookup,
  TransactionContext,
  type SentStatement,
  type SqlStatement,
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
import type { Dialect } from '../store/dialect.js';
import { QueryRunnerObserver } from './query-runner.observer.js';

/** The barrier of the transaction's database, during the transaction and after it. */
export interface TransactionBarrier {
  within(): Promise<Barrier>;
  afterwards(): Promise<Barrier>;
}

/** A TypeORM transaction: the one open on a query runner. */
export class TypeOrmTransactionContext extends TransactionContext {
  private readonly observer: QueryRunnerObserver;

  constructor(
    override readonly queryRunner: QueryRunnerLike,
    dialect: Dialect,
    private readonly resolveLookup: () => DatabaseLookup,
    private readonly barrier: TransactionBarrier,
    /** The depth whose commit is that of the transaction: see `QueryRunnerObserver.enlist()`. */
    readonly commitDepth = 1,
  ) {
    super();
    this.observer = QueryRunnerObserver.of(queryRunner, dialect);
  }

  get lookup(): DatabaseLookup {
    return this.resolveLookup();
  }

  override get outside(): boolean {
    return this.observer.transaction?.outside === true;
  }

  assertOpen(gid: string): void {
    if (this.observer.ended) throw new TransactionEndedError(gid);
    if (this.queryRunner.isReleased || !this.queryRunner.isTransactionActive) {
      throw new TransactionNotActiveError('transaction');
    }
  }

  async enlist<T>(participant: TransactionParticipant, work: () => Promise<T>): Promise<T> {
    return this.observer.enlist(participant, work, this.commitDepth);
  }

  override defer(gid: string, statement: SqlStatement): Promise<SentStatement | undefined> {
    return this.observer.defer(gid, statement);
  }

  override beforeCommit<T>(work: (items: readonly T[]) => Promise<void>, item: T): void {
    this.observer.transaction?.beforeCommit(work, item);
  }

  /** Creates the table in a tenant's database that is used for the first time. */
  override async openBarrier(): Promise<void> {
    await this.barrier.within();
  }

  async insertBarrier(barrierGid: string, gid = barrierGid): Promise<void> {
    const barrier = await this.barrier.within();
    const inserted = await barrier.insert(this.queryRunner, { gid: barrierGid, job: gid });
    if (this.outside) {
      // The row was committed on its own. It would look like the commit of a transaction that is gone.
      if (inserted) await barrier.withdraw({ gid: barrierGid });
      throw new JobOutsideTransactionError(gid);
    }
    if (inserted) return;
    const error = new DuplicateBarrierError(gid);
    this.observer.transaction?.refuse(gid, error);
    throw error;
  }

  async queryPrepared(barrierGid: string): Promise<TransactionOutcome> {
    return (await this.barrier.afterwards()).queryPrepared(barrierGid);
  }
}
