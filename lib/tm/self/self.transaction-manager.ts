import { setTimeout as sleep } from 'node:timers/promises';
import { LineLogger } from '../../core/line-logger.js';
import { EventLoopTurns } from '../../core/event-loop-turns.js';
import type { RecoveryState } from '../../core/jobs/job-info.js';
import type { JobMessage } from '../../core/jobs/job-message.js';
import type { Payloads } from '../../core/payloads/payloads.js';
import { TransactionManager, type SubmittedJob } from '../../core/transaction-manager.js';
import type { TransactionContext } from '../../core/transactions/transaction-context.js';
import { errorText } from '../../errors/error-text.js';
import { InvalidOptionError, SteppingNotReadyError } from '../../errors/index.js';
import { isOutage } from '../../store/driver-errors.js';
import type { SelfPreparedJob } from './started-job.js';
import type { ResolvedSelfTmOptions } from './self-tm.options.js';
import { SelfTmRuntime, type SelfTmServices } from './self-tm.runtime.js';
import { openStore, type OpenStore } from './store-opener.js';

/** As in `TypeOrmModule`. */
export const OPEN_TRIES = 10;
export const OPEN_PAUSE_MS = 3_000;

/**
 * The built-in transaction manager: the application keeps its jobs in its own database.
 *
 * The store is opened once the application's `DataSource`s are known, which is after dependency injection has made this
 * object.
 */
export class SelfTransactionManager extends TransactionManager<SelfPreparedJob> {
  private readonly logger = new LineLogger('SelfTransactionManager');
  private ready = false;
  private opening: Promise<OpenStore> | undefined;
  private opened: SelfTmRuntime | undefined;
  private readonly turns = new EventLoopTurns();

  constructor(
    protected readonly options: ResolvedSelfTmOptions,
    protected readonly services: SelfTmServices,
    private readonly autoMigrate: boolean,
  ) {
    super();
  }

  /** Whether the application is initialized. */
  get isReady(): boolean {
    return this.ready;
  }

  override get durable(): boolean {
    const { store, dataSource } = this.options;
    return (
      (store ?? dataSource ?? this.services.databases.registry.all[0]) !== undefined && store !== 'memory'
    );
  }

  get payloads(): Payloads {
    return this.services.payloads;
  }

  /** Whether processes tell of themselves, and count. */
  get monitors(): boolean {
    return this.options.monitoring !== false;
  }

  get recoveryState(): RecoveryState {
    return this.opened?.poller.recoveryState ?? { lastRunAt: null, error: null };
  }

  /** The parts of the store, once it is open. */
  get openRuntime(): SelfTmRuntime | undefined {
    return this.opened;
  }

  /** The application is initialized: the store may be opened. */
  makeReady(): void {
    this.ready = true;
  }

  override async initialize(): Promise<void> {
    this.makeReady();
    const { store, dataSource } = this.options;
    const { registry } = this.services.databases;
    // A DataSource that the application initializes in a hook of its own is opened with its first job.
    const waits = store !== 'memory' && registry.all.length > 0 && !registry.get(dataSource).isInitialized;
    if (!waits) await this.open();
  }

  /** Tried again as TypeORM's module does: the database may restart between its connections and ours. */
  private async open(): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      try {
        await this.runtime();
        return;
      } catch (error) {
        if (tries === OPEN_TRIES || !isOutage(error)) throw error;
        this.logger.warn(
          `The job store cannot be opened (try ${tries} of ${OPEN_TRIES}); it is tried again: ${errorText(error)}`,
        );
      }
      await sleep(OPEN_PAUSE_MS);
    }
  }

  override async start(): Promise<void> {
    const runtime = await this.runtime();
    // Nothing of a step that is paused begins in a process that starts meanwhile.
    await runtime.stepSteering.controls.refresh();
    runtime.start();
  }

  override async stop(): Promise<void> {
    if (!this.opening) return;
    await this.runtime().then(
      (runtime) => runtime.stop(),
      () => undefined,
    );
  }

  override async prepare(message: JobMessage, transaction: TransactionContext): Promise<SelfPreparedJob> {
    refuseSettings(message);
    const { starter } = this.opened ?? (await this.runtime());
    return starter.prepare(message, transaction);
  }

  override async submit(message: JobMessage, prepared?: SelfPreparedJob): Promise<SubmittedJob | void> {
    refuseSettings(message);
    if (!this.durable) await this.turns.giveWay();
    const { starter } = this.opened ?? (await this.runtime());
    return starter.submit(message, prepared);
  }

  override async abort(message: JobMessage, prepared: SelfPreparedJob): Promise<void> {
    const { starter } = this.opened ?? (await this.runtime());
    return starter.abort(message, prepared);
  }

  override async inDoubt(message: JobMessage, prepared: SelfPreparedJob): Promise<void> {
    const { starter } = this.opened ?? (await this.runtime());
    return starter.inDoubt(message, prepared);
  }

  /** @throws SteppingNotReadyError before the application's initialization. */
  async runtime(): Promise<SelfTmRuntime> {
    await this.turns.giveWay();
    const store = await this.openStore();
    return (this.opened ??= new SelfTmRuntime(store, this.options, this.services));
  }

  /** Opens the store with its first use, and again when that has failed. */
  protected async openStore(): Promise<OpenStore> {
    if (!this.ready) throw new SteppingNotReadyError();
    this.opening ??= openStore(this.options, this.services.databases, this.autoMigrate);
    try {
      return await this.opening;
    } catch (error) {
      this.opening = undefined;
      throw error;
    }
  }
}

/** Settings for another transaction manager would otherwise be ignored. */
function refuseSettings({ settings }: JobMessage): void {
  if (settings !== undefined)
    throw new InvalidOptionError('manager', settings, 'left out: the self-TM has no settings per job');
}
