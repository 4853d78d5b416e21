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
import { isDataSource } from './data-source.registry.js';
import { TypeOrmDatabases } from './typeorm-databases.js';
import {
  dataSourceOf,
  type EntityManagerLike,
  type QueryRunnerLike,
} from '../core/transactions/typeorm.types.js';
import { ambientFrame } from './ambient-transaction.js';
import { begunOn, depthOf, failureAround, frameOn, type AmbientFrame } from './surroundings.js';
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

  /**
   * The depth whose commit is that of a transaction on `runner`. A savepoint's is none.
   *
   * @param _frame the innermost call of `transaction()` on it around the caller.
   */
  protected commitDepthOf(_runner: QueryRunnerLike, _frame: AmbientFrame | undefined): number {
    return 1;
  }

  private contextOf(
    given: QueryRunnerLike,
    tenant?: string,
    frame = frameOn(realRunner(given)),
  ): TransactionContext {
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
      this.commitDepthOf(runner, frame),
    );
  }

  private ambient(gid: string): TransactionContext | null {
    const frame = ambientFrame();
    if (frame === 'guarded') throw new TransactionNotPassedError(gid);
    if (!frame) return null;
    if (frame.ended) throw new TransactionEndedError(gid);
    return this.contextOf(frame.runner, undefined, frame);
  }
}

function runnerOf(transaction: EntityManagerLike | QueryRunnerLike): QueryRunnerLike {
  const candidate = transaction as unknown;
  if (typeof candidate !== 'object' || candidate === null) throw new InvalidTransactionError(transaction);
  if (isRunner(candidate)) return active(candidate, 'QueryRunner');
  const isManager = 'transaction' in candidate && typeof candidate.transaction === 'function';
  // A DataSource has a method of that name, and no transaction.
  if (!isManager || isDataSource(candidate)) {
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
  // In `beforeTransactionStart` it says that it is active, and BEGIN is still to be sent.
  const hasBegun = runner.isTransactionActive && depthOf(runner) > 0;
  if (runner.isReleased || !hasBegun) throw new TransactionNotActiveError(what);
  return runner;
}
