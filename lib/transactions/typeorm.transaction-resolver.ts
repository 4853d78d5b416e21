import {
  TenantTransaction,
  TransactionResolver,
  type JobTransaction,
} from '../core/transactions/transaction-resolver.js';
import { TransactionContext } from '../core/transactions/transaction-context.js';
import {
  InvalidTransactionError,
  TransactionEndedError,
  TransactionNotActiveError,
  TransactionNotPassedError,
} from '../errors/index.js';
import { TypeOrmDatabases } from './typeorm-databases.js';
import {
  dataSourceOf,
  type EntityManagerLike,
  type QueryRunnerLike,
} from '../core/transactions/typeorm.types.js';
import { ambientFrame } from './ambient-transaction.js';
import { begunOn, failureAround, type AmbientFrame } from './surroundings.js';
import { realRunner } from './step-transaction.js';
import { TypeOrmTransactionContext } from './typeorm.transaction-context.js';

/** Finds the TypeORM transaction of a job: the one passed to it, or the one around the caller. */
export class TypeOrmTransactionResolver extends TransactionResolver {
  constructor(private readonly databases: TypeOrmDatabases) {
    super();
  }

  resolve(transaction: JobTransaction | undefined, gid: string): TransactionContext | null {
    if (transaction === 'none') return null;
    if (transaction === undefined) return this.ambient(gid);
    if (transaction instanceof TransactionContext) return transaction;
    if (transaction instanceof TenantTransaction) {
      return this.contextOf(runnerOf(transaction.transaction), transaction.tenant);
    }
    return this.contextOf(runnerOf(transaction));
  }

  override watchFailure(transaction: JobTransaction | undefined): () => boolean {
    if (transaction instanceof TransactionContext) return super.watchFailure(transaction);
    const around = failureAround();
    if (transaction === undefined || transaction === 'none') return around;
    const given = transaction instanceof TenantTransaction ? transaction.transaction : transaction;
    const begun = begunOn(realRunner(runnerOf(given)));
    return () => begun.failed === true || around();
  }

  /** The depth whose commit is that of the transaction around the caller. A savepoint's is none. */
  protected commitDepthOf(_frame: AmbientFrame): number {
    return 1;
  }

  private contextOf(given: QueryRunnerLike, tenant?: string, commitDepth?: number): TransactionContext {
    const runner = realRunner(given);
    const dataSource = dataSourceOf(runner);
    return new TypeOrmTransactionContext(
      runner,
      this.databases.access(dataSource).dialect,
      () => {
        const lookup = this.databases.registry.lookupOf(dataSource);
        return tenant === undefined ? lookup : { ...lookup, tenant };
      },
      {
        within: () => this.databases.barrierIn(dataSource, runner),
        afterwards: () => this.databases.barrierOf(dataSource),
      },
      commitDepth,
    );
  }

  private ambient(gid: string): TransactionContext | null {
    const frame = ambientFrame();
    if (frame === 'guarded') throw new TransactionNotPassedError(gid);
    if (!frame) return null;
    if (frame.ended) throw new TransactionEndedError(gid);
    return this.contextOf(frame.runner, undefined, this.commitDepthOf(frame));
  }
}

function runnerOf(transaction: EntityManagerLike | QueryRunnerLike): QueryRunnerLike {
  const candidate = transaction as unknown;
  if (typeof candidate !== 'object' || candidate === null) throw new InvalidTransactionError(transaction);
  if (isRunner(candidate)) return active(candidate, 'QueryRunner');
  if (!('transaction' in candidate) || typeof candidate.transaction !== 'function') {
    throw new InvalidTransactionError(transaction);
  }
  const runner = (candidate as EntityManagerLike).queryRunner;
  if (!runner) throw new TransactionNotActiveError('EntityManager');
  return active(runner, 'EntityManager');
}

function isRunner(candidate: object): candidate is QueryRunnerLike {
  return 'commitTransaction' in candidate && 'isTransactionActive' in candidate;
}

function active(runner: QueryRunnerLike, what: string): QueryRunnerLike {
  if (runner.isReleased || !runner.isTransactionActive) throw new TransactionNotActiveError(what);
  return runner;
}
