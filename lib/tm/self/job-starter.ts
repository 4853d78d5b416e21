import { setTimeout as sleep } from 'node:timers/promises';
import type { JobMessage } from '../../core/jobs/job-message.js';
import { encodeSteps, parseSteps, sameSteps } from '../../core/jobs/step-encoding.js';
import type { StepRegistry } from '../../core/steps/step.registry.js';
import type { TransactionContext } from '../../core/transactions/transaction-context.js';
import { TransactionManager, type PreparedJob } from '../../core/transaction-manager.js';
import { QueryRunnerObserver, type Departure } from '../../transactions/query-runner.observer.js';
import {
  dataSourceOf,
  type DataSourceLike,
  type QueryRunnerLike,
} from '../../core/transactions/typeorm.types.js';
import {
  DuplicateGidError,
  JobOutsideTransactionError,
  StandaloneJobInTransactionError,
  TransactionManagerUnavailableError,
} from '../../errors/index.js';
import { Batcher } from './batcher.js';
import { LeasedJob } from './leased-job.js';
import type { JobRunner } from './job-runner.js';
import type { JobRecord, JobStore, NewJob, PreparedChange } from '../../store/job-store.js';
import type { JobWaker } from './job-waker.js';
import type { LeaseKeeper } from './lease-keeper.js';
import { ReservedSlots, type ReservedSlot } from './reserved-slots.js';
import { encodeLookup } from './prepared-lookup.js';

/** What the self-TM remembers of a prepared job. */
interface SelfPreparedJob extends PreparedJob {
  /** The job was there already: there is nothing to run, or to undo. */
  readonly existing: boolean;
  readonly owner: string | null;
  /** The place that is kept for it; without one, any process may take it. */
  readonly place: ReservedSlot | undefined;
  /** The statement that writes it; its lease counts from then. */
  readonly sent: Departure;
}

/** How long the same job may be found prepared: its transaction has committed, and the submit is on its way. */
const SUBMIT_PATIENCE_MS = 500;
const SUBMIT_PAUSE_MS = 10;

/** A job in the store, under a lease of this process. */
interface OwnedJob {
  readonly owner: string;
  /** When the statement that wrote it was sent, by `performance.now()`. */
  readonly since: number;
}

const EXISTING = { existing: true, owner: null, place: undefined, sent: { sentAt: 0 } };

export interface JobStarterOptions {
  /** Where the jobs are stored; undefined for the memory store. */
  readonly dataSource: DataSourceLike | undefined;
  /** Milliseconds. */
  readonly queryPreparedAfter: number;
  /** Whether the caller runs inside an open transaction of the store's only connection (SQLite). */
  readonly insideOwnTransaction: () => boolean;
}

/**
 * The built-in transaction manager: the application keeps its jobs in its own database.
 *
 * When the transaction is one of the store's own `DataSource`, the job's row is written in it, already
 * submitted and leased by this process: one statement, and after the commit the job runs from memory. In any
 * other transaction the row is prepared first, and a barrier row decides.
 */
export class JobStarter extends TransactionManager {
  private readonly inserts: Batcher<NewJob>;
  private readonly preparedChanges: Batcher<PreparedChange>;
  private readonly places: ReservedSlots;

  constructor(
    private readonly store: JobStore,
    private readonly leases: LeaseKeeper,
    private readonly runner: JobRunner,
    private readonly waker: JobWaker,
    private readonly registry: StepRegistry,
    private readonly options: JobStarterOptions,
  ) {
    super();
    this.places = new ReservedSlots(runner, leases.leaseDuration);
    this.inserts = new Batcher((jobs) => store.insert(jobs));
    this.preparedChanges = new Batcher((changes) => store.changePrepared(changes));
  }

  async prepare(message: JobMessage, transaction: TransactionContext): Promise<SelfPreparedJob> {
    const runner = transaction.queryRunner;
    const steps = encodeSteps(message.steps);
    if (runner && this.options.dataSource !== undefined && dataSourceOf(runner) === this.options.dataSource) {
      return this.enlist(message, steps, transaction, runner);
    }
    // Written on the only connection of an open transaction, the job would share the fate of that one.
    if (this.options.insideOwnTransaction()) throw new StandaloneJobInTransactionError(message.gid);
    const lookup = encodeLookup(transaction.lookup, message.delay);
    await transaction.openBarrier();
    const owner = this.leases.newOwner();
    const job = { ...this.row(message, steps), status: 'prepared', owner, lookup } as const;
    const sent = { sentAt: performance.now() };
    const inserted = await this.insert({ ...job, dueIn: this.options.queryPreparedAfter });
    if (inserted) return { enlisted: false, existing: false, owner, place: undefined, sent };
    await this.assertSame(message, steps, () => this.findSubmitted(message.gid));
    return { enlisted: true, ...EXISTING };
  }

  async submit(message: JobMessage, prepared?: SelfPreparedJob): Promise<void> {
    if (!prepared) return this.submitAlone(message);
    if (prepared.existing) return;
    if (!prepared.enlisted) return this.submitPrepared(message, prepared);
    this.runPlaced(message, prepared);
  }

  /** Frees the places of jobs that never came; to be called now and then. */
  forfeitPlaces(): void {
    this.places.forfeit();
  }

  async abort(message: JobMessage, prepared: SelfPreparedJob): Promise<void> {
    if (prepared.place) this.places.giveBack(prepared.place);
    if (prepared.enlisted) return;
    await this.preparedChanges.call({
      gid: message.gid,
      owner: prepared.owner!,
      status: 'rolledBack',
      due: null,
      release: true,
    });
  }

  override async inDoubt(message: JobMessage, prepared: SelfPreparedJob): Promise<void> {
    if (prepared.existing) return;
    const { place, owner } = prepared;
    if (!place) return this.waker.wake(message.delay);
    let found = false;
    try {
      found = (await this.store.held([{ gid: message.gid, owner: owner! }])).has(message.gid);
    } finally {
      // Not there may mean not yet: if the commit still arrives, the job is taken over when its lease expires.
      if (!found) this.places.giveBack(place);
    }
    if (found) this.runPlaced(message, prepared);
  }

  private async enlist(
    message: JobMessage,
    steps: string,
    transaction: TransactionContext,
    runner: QueryRunnerLike,
  ): Promise<SelfPreparedJob> {
    const place = this.isRunnable(message) ? this.places.keep() : undefined;
    const owner = this.leases.newOwner();
    const job: NewJob = {
      ...this.row(message, steps),
      status: 'submitted',
      owner: place ? owner : null,
      dueIn: place ? this.leases.leaseDuration : message.delay,
      lookup: null,
    };
    let kept = false;
    try {
      // The caller of a gid of their own is to hear from start() whose it is.
      const statement = message.callerGid ? undefined : this.store.commitStatement(job);
      const departure = statement && (await QueryRunnerObserver.of(runner).defer(job.gid, statement));
      const sent = departure ?? { sentAt: performance.now() };
      if (!departure && !(await this.store.insertIn(runner, job))) {
        const find = async () =>
          (await this.store.findIn(runner, message.gid)) ?? this.store.find(message.gid);
        await this.assertSame(message, steps, find);
        return { enlisted: true, ...EXISTING };
      }
      if (transaction.outside) {
        await this.store.deleteNew(message.gid, place ? owner : null);
        throw new JobOutsideTransactionError(message.gid);
      }
      kept = true;
      return { enlisted: true, existing: false, owner, place, sent };
    } finally {
      if (place && !kept) this.places.giveBack(place);
    }
  }

  private async submitAlone(message: JobMessage): Promise<void> {
    if (this.options.insideOwnTransaction()) throw new StandaloneJobInTransactionError(message.gid);
    const steps = encodeSteps(message.steps);
    const placed = this.canPlace(message);
    const owner = placed ? this.leases.newOwner() : null;
    const since = performance.now();
    let inserted = false;
    try {
      inserted = await this.insert({
        ...this.row(message, steps),
        status: 'submitted',
        owner,
        dueIn: placed ? this.leases.leaseDuration : message.delay,
        lookup: null,
      });
      if (!inserted) await this.assertSame(message, steps, () => this.findSubmitted(message.gid));
    } finally {
      if (placed && !inserted) this.runner.cancelReservation();
    }
    if (!inserted) return;
    if (owner !== null) this.run(message, { owner, since });
    else this.waker.wake(message.delay);
  }

  private async submitPrepared(message: JobMessage, prepared: SelfPreparedJob): Promise<void> {
    const placed = this.canPlace(message);
    const since = performance.now();
    let submitted = false;
    try {
      submitted = await this.preparedChanges.call({
        gid: message.gid,
        owner: prepared.owner!,
        status: 'submitted',
        due: placed ? this.leases.leaseDuration : message.delay,
        release: !placed,
      });
    } finally {
      if (placed && !submitted) this.runner.cancelReservation();
    }
    // Otherwise recovery has asked the barrier meanwhile, and sees to the job.
    if (!submitted) return;
    if (placed) this.run(message, { owner: prepared.owner!, since });
    else this.waker.wake(message.delay);
  }

  private runPlaced(message: JobMessage, { place, owner, sent }: SelfPreparedJob): void {
    if (place && this.places.take(place)) this.run(message, { owner: owner!, since: sent.sentAt });
    else this.waker.wake(message.delay);
  }

  /**
   * Hands a job with a place over in memory.
   */
  private run(message: JobMessage, { owner, since }: OwnedJob): void {
    const lease = this.leases.hold({ gid: message.gid, owner }, since);
    const job = LeasedJob.started(message, lease);
    // Its transaction may have stayed open so long that the lease is about to expire, or has.
    if (lease.remaining > this.leases.leaseDuration / 2) return this.runner.offer(job);
    void this.leases.confirm(lease).then(
      (held) => {
        if (held) return this.runner.offer(job);
        this.leases.drop(lease);
        this.runner.cancelReservation();
      },
      () => {
        this.leases.drop(lease);
        this.runner.cancelReservation();
      },
    );
  }

  /** Reserves a place for a job that this process can run at once. */
  private canPlace(message: JobMessage): boolean {
    return this.isRunnable(message) && this.runner.reserve();
  }

  private isRunnable(message: JobMessage): boolean {
    return message.delay === 0 && this.registry.has(message.steps[0]!.name);
  }

  private row(message: JobMessage, steps: string): Pick<NewJob, 'gid' | 'name' | 'steps' | 'stepName'> {
    return { gid: message.gid, name: message.name, steps, stepName: message.steps[0]!.name };
  }

  private async insert(job: NewJob): Promise<boolean> {
    try {
      return await this.inserts.call(job);
    } catch (cause) {
      throw new TransactionManagerUnavailableError('The job store', { cause });
    }
  }

  private async findSubmitted(gid: string): Promise<JobRecord | null> {
    const deadline = performance.now() + SUBMIT_PATIENCE_MS;
    for (;;) {
      const record = await this.store.find(gid);
      if (record?.status !== 'prepared' || performance.now() >= deadline) return record;
      await sleep(SUBMIT_PAUSE_MS);
    }
  }

  /** The same gid with the same steps is the same job, while it lives or after it succeeded. */
  private async assertSame(
    message: JobMessage,
    steps: string,
    find: () => Promise<JobRecord | null>,
  ): Promise<void> {
    const existing = await find();
    // Gone again: the other transaction was rolled back while this one waited for it.
    const status = existing?.status ?? 'rolledBack';
    const names = existing ? parseSteps(existing.steps).map(({ step }) => step) : [];
    // A prepared job may yet vanish with its own transaction; this one could not rely on it.
    const alive = status === 'submitted' || status === 'succeeded';
    if (!existing || !alive || !sameSteps(existing.steps, steps)) {
      throw new DuplicateGidError(message.gid, { status, steps: names });
    }
  }
}
