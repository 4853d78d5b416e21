import { setTimeout as sleep } from 'node:timers/promises';
import { detached } from '../../../core/detached.js';
import type { JobMessage } from '../../../core/jobs/job-message.js';
import { LineLogger } from '../../../core/line-logger.js';
import {
  TransactionManager,
  type PreparedJob,
  type SubmittedJob,
} from '../../../core/transaction-manager.js';
import type { TransactionContext } from '../../../core/transactions/transaction-context.js';
import { dataSourceOf } from '../../../core/transactions/typeorm.types.js';
import { errorText } from '../../../errors/error-text.js';
import { TransactionManagerUnavailableError } from '../../../errors/index.js';
import type { SelfPreparedJob } from '../started-job.js';
import { ProcessShare } from '../process-share.js';
import { DEFAULT_CONCURRENCY, type ResolvedSelfTmOptions } from '../self-tm.options.js';
import type { SelfTmServices } from '../self-tm.runtime.js';
import { OPEN_PAUSE_MS, OPEN_TRIES, SelfTransactionManager } from '../self.transaction-manager.js';
import { KeptStore } from './kept-store.js';

/** How long a job waits for its store to be opened: its tables may be upgraded meanwhile. */
const JOBS_PATIENCE_MS = 60_000;

/** A prepared job, and the store that keeps it. */
interface KeptJob extends PreparedJob {
  readonly store: KeptStore;
  readonly job: SelfPreparedJob;
}

/**
 * The self-TM with a store in each of several databases. Each store has a self-TM of its own; they share the slots and the memory of the
 * process. A job is kept where its transaction is, and in the first store when that is nowhere or elsewhere.
 *
 * A store that is away stops nothing but its own jobs. It is tried again for as long as the application runs.
 */
export class StoresTransactionManager extends TransactionManager<KeptJob> {
  private readonly logger = new LineLogger('SelfTransactionManager');
  readonly stores: readonly KeptStore[];
  private readonly stopping = new AbortController();
  /** Of stores that are not open yet. */
  private readonly starting: Promise<void>[] = [];
  /** Stores that nobody has to be told of again. */
  private readonly told = new Set<KeptStore>();

  constructor(
    names: readonly string[],
    readonly options: ResolvedSelfTmOptions,
    readonly services: SelfTmServices,
    autoMigrate: boolean,
  ) {
    super();
    const { concurrency = DEFAULT_CONCURRENCY, maxBytes, statementTimeout } = options;
    const share = new ProcessShare(concurrency, maxBytes, names.length);
    const { registry } = services.databases;
    this.stores = names.map((name) => {
      const place = { share, store: name };
      const manager = new SelfTransactionManager(
        { ...options, dataSource: name },
        { ...services, place },
        autoMigrate,
      );
      return new KeptStore(name, manager, registry, statementTimeout);
    });
  }

  override async initialize(): Promise<void> {
    // Those of a wrong name are told at once.
    for (const store of this.stores) void store.dataSource;
    for (const { manager } of this.stores) manager.makeReady();
    for (let tries = 1; ; tries += 1) {
      const away = await this.openAll();
      // What the application connects in a hook of its own is opened later.
      const [first] = away;
      if (!first || away.length < this.stores.length) return;
      if (this.stores.every(({ isConnected }) => !isConnected)) return;
      if (tries === OPEN_TRIES) throw first;
      await sleep(OPEN_PAUSE_MS);
    }
  }

  override async start(): Promise<void> {
    await Promise.all(
      this.stores.map(async (store) => {
        // One that is known to be away keeps nobody waiting again.
        const isAway = this.told.has(store) && !store.manager.openRuntime;
        if (isAway || !(await this.startOne(store)))
          this.starting.push(detached(() => this.startLater(store)));
      }),
    );
  }

  override async stop(): Promise<void> {
    this.stopping.abort();
    await Promise.all(this.starting);
    const managers = this.stores.map(({ manager }) => manager).filter(({ openRuntime }) => openRuntime);
    await Promise.all(managers.map((manager) => manager.stop()));
  }

  override async prepare(message: JobMessage, transaction: TransactionContext): Promise<KeptJob> {
    const runner = transaction.queryRunner;
    const dataSource = runner && dataSourceOf(runner);
    const own = dataSource && this.stores.find((store) => store.dataSource === dataSource);
    const store = own ?? this.stores[0]!;
    const job = await (await openManager(store)).prepare(message, transaction);
    const { enlisted, needsNoSteps = false, existing, barrierGid } = job;
    return { enlisted, needsNoSteps, existing, barrierGid, store, job };
  }

  override async submit(message: JobMessage, prepared?: KeptJob): Promise<SubmittedJob | void> {
    return (await openManager(prepared?.store ?? this.stores[0]!)).submit(message, prepared?.job);
  }

  override async abort(message: JobMessage, { store, job }: KeptJob): Promise<void> {
    return store.manager.abort(message, job);
  }

  override async inDoubt(message: JobMessage, { store, job }: KeptJob): Promise<void> {
    return store.manager.inDoubt(message, job);
  }

  /** Opens those that can be opened. Returns why others cannot, in their order. */
  private async openAll(): Promise<unknown[]> {
    const errors = await Promise.all(this.stores.map((store) => this.openOne(store, store.isConnected)));
    return errors.filter((error) => error !== undefined);
  }

  /** Undefined once the store is open; else why its database is away. Other errors are thrown. */
  private async openOne(store: KeptStore, tell = true): Promise<unknown> {
    try {
      await store.runtime();
      return undefined;
    } catch (error) {
      if (!(error instanceof TransactionManagerUnavailableError)) throw error;
      if (tell) this.tell(store, error);
      return error;
    }
  }

  /** Starts the store if it can be opened. */
  private async startOne(store: KeptStore): Promise<boolean> {
    const { signal } = this.stopping;
    const opened = this.openOne(store).then((error) => error === undefined);
    if (!(await unlessAborted(signal, opened)) || signal.aborted) return false;
    await store.manager.start();
    return true;
  }

  private async startLater(store: KeptStore): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      try {
        if (await this.startOne(store)) {
          this.logger.log(`The job store of the DataSource '${store.name}' is open; its jobs run.`);
          return;
        }
      } catch (error) {
        this.tell(store, error);
      }
      await sleep(OPEN_PAUSE_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  private tell(store: KeptStore, error: unknown): void {
    if (this.told.has(store)) return;
    this.told.add(store);
    this.logger.warn(
      `The job store of the DataSource '${store.name}' cannot be opened. Its jobs wait, those of other stores run; it is tried again: ` +
        errorText(error),
    );
  }
}

/** A job may come before its store is open. */
async function openManager(store: KeptStore): Promise<SelfTransactionManager> {
  if (!store.manager.openRuntime) await store.runtime(JOBS_PATIENCE_MS);
  return store.manager;
}

/** Undefined as soon as the signal is aborted. */
async function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T | undefined> {
  let leave = (): void => undefined;
  const aborted = new Promise<undefined>((resolve) => (leave = () => resolve(undefined)));
  signal.addEventListener('abort', leave);
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', leave);
  }
}
