import type { RecoveryState } from '../../core/jobs/distributed-jobs.js';
import type { JobMessage } from '../../core/jobs/job-message.js';
import type { TransactionContext } from '../../core/transactions/transaction-context.js';
import { TransactionManager, type PreparedJob } from '../../core/transaction-manager.js';
import type { TypeOrmDatabases } from '../../transactions/typeorm-databases.js';
import { InvalidOptionError, SteppingNotReadyError } from '../../errors/index.js';
import { openStore } from './store-opener.js';
import type { ResolvedSelfTmOptions } from './self-tm.options.js';
import { SelfTmRuntime, type SelfTmServices } from './self-tm.runtime.js';

/**
 * The self-TM as the application injects it. Its parts are put together once the application's `DataSource`s
 * and steps are known, which is after dependency injection has made this object.
 */
export class SelfTransactionManager extends TransactionManager {
  private opening: Promise<SelfTmRuntime> | undefined;
  private opened: SelfTmRuntime | undefined;
  private ready = false;

  constructor(
    private readonly options: ResolvedSelfTmOptions,
    private readonly databases: TypeOrmDatabases,
    private readonly autoMigrate: boolean,
    private readonly services: SelfTmServices,
  ) {
    super();
  }

  override async initialize(): Promise<void> {
    this.ready = true;
    const { registry } = this.databases;
    // A DataSource that the application initializes in a hook of its own is opened with its first job.
    const waits =
      this.options.store !== 'memory' &&
      registry.all.length > 0 &&
      !registry.get(this.options.dataSource).isInitialized;
    if (!waits) await this.runtime();
  }

  override async start(): Promise<void> {
    (await this.runtime()).start();
  }

  override async stop(): Promise<void> {
    const opening = this.opening;
    if (!opening) return;
    await opening.then(
      (runtime) => runtime.stop(),
      () => undefined,
    );
  }

  override async prepare(message: JobMessage, transaction: TransactionContext): Promise<PreparedJob> {
    refuseSettings(message);
    const runtime = this.opened ?? (await this.runtime());
    return runtime.manager.prepare(message, transaction);
  }

  override async submit(message: JobMessage, prepared?: PreparedJob): Promise<void> {
    refuseSettings(message);
    const runtime = this.opened ?? (await this.runtime());
    return runtime.manager.submit(message, prepared as never);
  }

  override async abort(message: JobMessage, prepared: PreparedJob): Promise<void> {
    const runtime = this.opened ?? (await this.runtime());
    return runtime.manager.abort(message, prepared as never);
  }

  override async inDoubt(message: JobMessage, prepared: PreparedJob): Promise<void> {
    const runtime = this.opened ?? (await this.runtime());
    return runtime.manager.inDoubt(message, prepared as never);
  }

  get recoveryState(): RecoveryState {
    return this.opened?.recovery.lastRun ?? { lastRunAt: null, error: null };
  }

  /** @throws SteppingNotReadyError before the application's initialization. */
  async runtime(): Promise<SelfTmRuntime> {
    if (!this.ready) throw new SteppingNotReadyError();
    this.opening ??= this.open();
    try {
      return (this.opened = await this.opening);
    } catch (error) {
      this.opening = undefined;
      throw error;
    }
  }

  private async open(): Promise<SelfTmRuntime> {
    const store = await openStore(this.options, this.databases, this.autoMigrate);
    return new SelfTmRuntime(store, this.options, this.services);
  }
}

/** Settings that are meant for another transaction manager would otherwise be ignored without a word. */
function refuseSettings({ settings }: JobMessage): void {
  if (settings !== undefined)
    throw new InvalidOptionError('manager', settings, 'left out: the self-TM has no settings per job');
}
