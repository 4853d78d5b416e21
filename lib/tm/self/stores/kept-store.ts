import type { MissingStore } from '../../../core/jobs/missing-store.js';
import type { DataSourceLike } from '../../../core/transactions/typeorm.types.js';
import { within } from '../../../core/within.js';
import { errorText } from '../../../errors/error-text.js';
import {
  InvalidGidError,
  InvalidOptionError,
  StatementTimeoutError,
  SteppingError,
  SteppingNotReadyError,
  TransactionManagerUnavailableError,
} from '../../../errors/index.js';
import { isOutage } from '../../../store/driver-errors.js';
import type { DataSourceRegistry } from '../../../transactions/data-source.registry.js';
import { SelfDistributedJobs } from '../self.distributed-jobs.js';
import { SelfSteppingOperations } from '../self.stepping-operations.js';
import type { SelfTmRuntime } from '../self-tm.runtime.js';
import type { SelfTransactionManager } from '../self.transaction-manager.js';

/** After a store has not answered, whoever asks is told so at once for this time: one answer may take several questions. */
const SILENCE_MS = 3_000;

/** One of several stores: its jobs, and what sees them through. */
export class KeptStore {
  readonly jobs: SelfDistributedJobs;
  readonly operations: SelfSteppingOperations;
  private found: DataSourceLike | undefined;
  /** By `performance.now()`. */
  private silentUntil = -Infinity;

  constructor(
    /** Of its `DataSource`. */
    readonly name: string,
    readonly manager: SelfTransactionManager,
    private readonly registry: DataSourceRegistry,
    /** How long whoever asks waits for its opening, in milliseconds. */
    private readonly patience: number,
  ) {
    this.jobs = new SelfDistributedJobs(manager);
    this.operations = new SelfSteppingOperations(manager);
  }

  /** @throws DataSourceNotFoundError. */
  get dataSource(): DataSourceLike {
    return (this.found ??= this.registry.get(this.name));
  }

  /** Whether the application has connected its `DataSource`. */
  get isConnected(): boolean {
    return this.dataSource.isInitialized;
  }

  /** @throws TransactionManagerUnavailableError when the database is away; whatever else keeps the store from being opened. */
  async runtime(patience = this.patience): Promise<SelfTmRuntime> {
    if (!this.manager.isReady) throw new SteppingNotReadyError();
    if (!this.isConnected && !this.manager.openRuntime)
      throw this.unavailable(new Error('the DataSource is not initialized'));
    try {
      const runtime = this.manager.openRuntime ?? (await within(patience, this.manager.runtime()));
      if (runtime) return runtime;
    } catch (error) {
      throw isOutage(error) ? this.unavailable(error) : error;
    }
    this.silentUntil = performance.now() + SILENCE_MS;
    throw this.unavailable(new StatementTimeoutError(patience));
  }

  /**
   * Why the recovery has just not reached the store. Whoever asks a silent database would wait for its time-out. The recovery tries
   * again at once, since its next time may be minutes away; an older error says nothing.
   */
  get outage(): unknown {
    const poller = this.manager.openRuntime?.poller;
    const error = poller?.recoveryState.error;
    if (!poller || !isOutage(error)) return undefined;
    poller.tick();
    return poller.failedAgo < SILENCE_MS ? error : undefined;
  }

  /**
   * Asks the store. One that is known to be away is not asked.
   *
   * @throws TransactionManagerUnavailableError, which names the store, when it cannot be asked.
   */
  async ask<T>(work: (runtime: SelfTmRuntime) => Promise<T>): Promise<T> {
    if (performance.now() < this.silentUntil && !this.manager.openRuntime)
      throw this.unavailable(new StatementTimeoutError(this.patience));
    const runtime = await this.runtime();
    const { outage } = this;
    if (outage !== undefined) throw this.unavailable(outage);
    try {
      return await work(runtime);
    } catch (error) {
      throw isAnswer(error) ? error : this.unavailable(error);
    }
  }

  private unavailable(error: unknown): TransactionManagerUnavailableError {
    const cause = error instanceof TransactionManagerUnavailableError ? (error.cause ?? error) : error;
    return new TransactionManagerUnavailableError(`The job store of the DataSource '${this.name}'`, {
      cause,
    });
  }
}

/** What the stores have answered. */
export interface Answers<T> {
  readonly answers: readonly { readonly store: KeptStore; readonly value: T }[];
  readonly errors: readonly { readonly store: KeptStore; readonly error: unknown }[];
}

/**
 * Asks all stores at once.
 *
 * @throws whatever is the caller's mistake; the error of the first store when none has answered.
 */
export async function askAll<T>(
  stores: readonly KeptStore[],
  work: (store: KeptStore, runtime: SelfTmRuntime) => Promise<T>,
): Promise<Answers<T>> {
  const settled = await Promise.allSettled(
    stores.map((store) => store.ask((runtime) => work(store, runtime))),
  );
  const answers: { store: KeptStore; value: T }[] = [];
  const errors: { store: KeptStore; error: unknown }[] = [];
  for (const [at, result] of settled.entries()) {
    const store = stores[at]!;
    if (result.status === 'fulfilled') answers.push({ store, value: result.value });
    else if (isMistake(result.reason)) throw result.reason;
    else errors.push({ store, error: result.reason });
  }
  if (answers.length === 0) throw errors[0]!.error;
  return { answers, errors };
}

/** For an answer that tells what it is without. */
export function missingOf({ errors }: Pick<Answers<unknown>, 'errors'>): {
  readonly missing?: readonly MissingStore[];
} {
  if (errors.length === 0) return {};
  return { missing: errors.map(({ store, error }) => ({ dataSource: store.name, error: errorText(error) })) };
}

/** Whether the store itself has said so. */
function isAnswer(error: unknown): boolean {
  return (
    error instanceof SteppingError &&
    !(error instanceof TransactionManagerUnavailableError) &&
    !isOutage(error)
  );
}

/** Any store would say the same. */
function isMistake(error: unknown): boolean {
  return [InvalidOptionError, InvalidGidError, SteppingNotReadyError].some((kind) => error instanceof kind);
}
