import type { SteppingEventBus } from '../../core/events/event-bus.js';
import { type JobMessage, encodeSteps } from '../../core/jobs/job-message.js';
import type { Payloads } from '../../core/payloads/payloads.js';
import type { StepRegistry } from '../../core/steps/step.registry.js';
import type { TransactionContext } from '../../core/transactions/transaction-context.js';
import type { SubmittedJob } from '../../core/transaction-manager.js';
import {
  dataSourceOf,
  type DataSourceLike,
  type QueryRunnerLike,
} from '../../core/transactions/typeorm.types.js';
import {
  JobOutsideTransactionError,
  StandaloneJobInTransactionError,
  SteppingError,
  TransactionManagerUnavailableError,
} from '../../errors/index.js';
import { Batcher } from './batcher.js';
import { LeasedJob } from './leased-job.js';
import type { JobRunner } from './job-runner.js';
import type { JobStore, NewJob, PreparedChange } from '../../store/job-store.js';
import type { LeaseKeeper } from './lease-keeper.js';
import { assertSame, findSubmitted } from './same-job.js';
import { ReservedSlots, type ReservedSlot } from './reserved-slots.js';
import { renewOld, type OpenJob } from './open-jobs.js';
import { preparedLookup, submittedLookup, type JobLookup } from './job-lookup.js';
import { EXISTING, type SelfPreparedJob, type StartedJob } from './started-job.js';

export interface JobStarterOptions {
  /** Where the jobs are stored; undefined for the memory store. */
  readonly dataSource: DataSourceLike | undefined;
  /** The name of the store; undefined where there is one. */
  readonly store: string | undefined;
  /** Milliseconds. */
  readonly queryPreparedAfter: number;
  /** Whether the caller is inside an open transaction of the store's only connection (SQLite). */
  readonly insideOwnTransaction: () => boolean;
  /** Whether others wait for the caller to give that connection back, as in a hook after the COMMIT. */
  readonly holdsConnection: () => boolean;
  /** Tells that a job is due in `delay` milliseconds, for any process. */
  readonly wake: (delay: number) => void;
  /** Whether no process begins attempts of the step. */
  readonly isPaused: (stepName: string) => boolean;
  /** A job has been started here. */
  readonly onStarted: () => void;
}

/**
 * Writes the jobs that this process starts, and hands them to its runner.
 *
 * In a transaction of the store's own `DataSource`, the job's row is written in that transaction, already submitted and
 * leased by this process: one statement, and after the commit the job runs from memory. In any other transaction the job is
 * prepared first, and a barrier row decides.
 */
export class JobStarter {
  private readonly inserts: Batcher<NewJob>;
  private readonly preparedChanges: Batcher<PreparedChange>;
  private readonly slots: ReservedSlots;
  private readonly renewOld: (jobs: readonly OpenJob[]) => Promise<void>;

  constructor(
    private readonly store: JobStore,
    private readonly leases: LeaseKeeper,
    private readonly runner: JobRunner,
    private readonly registry: StepRegistry,
    private readonly payloads: Payloads,
    private readonly events: SteppingEventBus,
    private readonly options: JobStarterOptions,
  ) {
    this.slots = new ReservedSlots(runner, leases.leaseDuration);
    this.renewOld = (jobs) => renewOld(store, leases.leaseDuration, jobs);
    this.inserts = new Batcher((jobs) => store.insert(jobs));
    this.preparedChanges = new Batcher((changes) => store.changePrepared(changes));
  }

  async prepare(message: JobMessage, transaction: TransactionContext): Promise<SelfPreparedJob> {
    const runner = transaction.queryRunner;
    const steps = this.encode(message);
    if (runner && this.options.dataSource !== undefined && dataSourceOf(runner) === this.options.dataSource) {
      return this.enlist(message, steps, transaction, runner);
    }
    // On the only connection, the row would become part of the transaction that is open there.
    if (this.options.insideOwnTransaction()) throw new StandaloneJobInTransactionError(message.gid);
    const lookup = preparedLookup(message, transaction.lookup, this.options.store);
    await transaction.openBarrier();
    const owner = this.leases.newOwner();
    const job = { ...this.row(message, steps, lookup), status: 'prepared', owner } as const;
    const sent = { sentAt: performance.now() };
    const inserted = await this.insert({ ...job, dueIn: this.options.queryPreparedAfter });
    const { barrierGid } = lookup;
    if (inserted) {
      const started = { steps, stepName: job.stepName, owner, slot: undefined, sent, lookup };
      return { ...started, enlisted: false, existing: false, barrierGid };
    }
    await assertSame(this.payloads, message, steps, lookup, () => findSubmitted(this.store, message.gid));
    return { enlisted: true, ...EXISTING };
  }

  async submit(message: JobMessage, prepared?: SelfPreparedJob): Promise<SubmittedJob | void> {
    if (!prepared) return this.submitAlone(message);
    if (prepared.existing) return;
    if (!prepared.enlisted) return this.submitPrepared(message, prepared);
    this.run(message, prepared);
  }

  async abort(message: JobMessage, prepared: SelfPreparedJob): Promise<void> {
    if (prepared.slot) this.slots.release(prepared.slot);
    if (prepared.enlisted) return;
    await this.preparedChanges.call({
      gid: message.gid,
      owner: prepared.owner!,
      status: 'rolledBack',
      due: null,
      release: true,
    });
  }

  async inDoubt(message: JobMessage, prepared: SelfPreparedJob): Promise<void> {
    if (prepared.existing) return;
    const { slot, owner } = prepared;
    if (!slot) return this.run(message, prepared);
    let found = false;
    try {
      found = (await this.store.held([{ gid: message.gid, owner: owner! }])).has(message.gid);
    } finally {
      // The commit may still arrive: then the job is taken over when its lease expires.
      if (!found) this.slots.release(slot);
    }
    if (found) this.run(message, prepared);
  }

  private async enlist(
    message: JobMessage,
    steps: string,
    transaction: TransactionContext,
    runner: QueryRunnerLike,
  ): Promise<SelfPreparedJob> {
    const slot = this.reserveSlot(message, steps);
    const owner = this.leases.newOwner();
    const lookup = submittedLookup(message, transaction, this.options.store);
    const job: NewJob = {
      ...this.row(message, steps, lookup),
      status: 'submitted',
      owner: slot ? owner : null,
      dueIn: slot ? this.leases.leaseDuration : message.delay,
    };
    let kept = false;
    try {
      // A caller who chose the gid is told by start() whether it is taken.
      const statement = message.callerGid ? undefined : this.store.commitStatement(job);
      const deferred = statement && (await transaction.defer(message.gid, statement));
      const sent = deferred ?? { sentAt: performance.now() };
      if (!deferred && !(await this.store.insertIn(runner, job))) {
        const find = async () =>
          (await this.store.findIn(runner, message.gid)) ?? this.store.find(message.gid);
        await assertSame(this.payloads, message, steps, lookup, find);
        return { enlisted: true, ...EXISTING };
      }
      if (transaction.outside) {
        await this.store.deleteNew(message.gid, slot ? owner : null);
        throw new JobOutsideTransactionError(message.gid);
      }
      kept = true;
      if (slot) transaction.beforeCommit(this.renewOld, { gid: message.gid, owner, runner, sent });
      // Only this process, with a slot, runs it from memory.
      return {
        enlisted: true,
        needsNoSteps: true,
        existing: false,
        steps: slot ? steps : '',
        stepName: job.stepName,
        owner,
        slot,
        sent,
        lookup,
      };
    } finally {
      if (slot && !kept) this.slots.release(slot);
    }
  }

  private async submitAlone(message: JobMessage): Promise<SubmittedJob> {
    if (this.options.insideOwnTransaction()) throw new StandaloneJobInTransactionError(message.gid);
    const steps = this.encode(message);
    const slot = this.reserveSlot(message, steps);
    const owner = slot ? this.leases.newOwner() : null;
    const lookup = submittedLookup(message, undefined, this.options.store);
    const sent = { sentAt: performance.now() };
    let inserted = false;
    try {
      inserted = await this.insert({
        ...this.row(message, steps, lookup),
        status: 'submitted',
        owner,
        dueIn: slot ? this.leases.leaseDuration : message.delay,
      });
      if (!inserted) {
        await assertSame(this.payloads, message, steps, lookup, () => findSubmitted(this.store, message.gid));
      }
    } finally {
      if (slot && !inserted) this.slots.release(slot);
    }
    if (inserted) this.run(message, { steps, stepName: message.steps[0]!.name, owner, slot, sent, lookup });
    return { created: inserted };
  }

  private async submitPrepared(
    message: JobMessage,
    { steps, stepName, owner, lookup }: SelfPreparedJob,
  ): Promise<void> {
    const slot = this.reserveSlot(message, steps);
    const sent = { sentAt: performance.now() };
    let submitted = false;
    try {
      submitted = await this.preparedChanges.call({
        gid: message.gid,
        owner: owner!,
        status: 'submitted',
        due: slot ? this.leases.leaseDuration : message.delay,
        release: !slot,
      });
    } finally {
      if (slot && !submitted) this.slots.release(slot);
    }
    // Otherwise recovery has asked the barrier meanwhile, and submitted the job.
    if (submitted) this.run(message, { steps, stepName, owner, slot, sent, lookup });
  }

  /** Hands a job with a slot to the runner; any process may take one without. */
  private run(
    { gid, name, delay, trace }: JobMessage,
    { slot, steps, stepName, owner, sent, lookup }: StartedJob,
  ): void {
    this.options.onStarted();
    if (this.events.wants('job.started')) {
      this.events.emit({ event: 'job.started', gid, name, delayMs: delay });
    }
    if (!slot || !this.slots.use(slot)) {
      if (!this.options.isPaused(stepName)) this.options.wake(delay);
      return;
    }
    const lease = this.leases.hold({ gid, owner: owner! }, sent.sentAt);
    const job = LeasedJob.started(steps, lease, slot, lookup, trace);
    if (lease.remaining > this.leases.leaseDuration / 2) return this.runner.offer(job);
    // The transaction was open for so long that the lease is about to expire, or has.
    void this.leases
      .confirm(lease)
      .catch(() => false)
      .then((isHeld) => {
        if (isHeld) return this.runner.offer(job);
        this.leases.drop(lease);
        this.runner.cancelReservation(slot);
      });
  }

  /** Reserves a slot for a job that this process can run at once. */
  private reserveSlot(message: JobMessage, steps: string): ReservedSlot | undefined {
    if (!this.isRunnable(message)) return undefined;
    return this.slots.reserve({ stepName: message.steps[0]!.name, bytes: Buffer.byteLength(steps) });
  }

  private isRunnable(message: JobMessage): boolean {
    return message.delay === 0 && this.registry.has(message.steps[0]!.name);
  }

  private encode({ name, steps }: JobMessage): string {
    this.store.checkNames(
      name,
      steps.map((step) => step.name),
    );
    return encodeSteps(steps);
  }

  private row(
    { gid, name, steps: [first], trace }: JobMessage,
    steps: string,
    lookup: JobLookup | undefined,
  ): Pick<NewJob, 'gid' | 'name' | 'steps' | 'stepName' | 'lookup' | 'trace'> {
    return { gid, name, steps, stepName: first!.name, lookup: lookup ? JSON.stringify(lookup) : null, trace };
  }

  private async insert(job: NewJob): Promise<boolean> {
    try {
      // A batch is sent by nobody in particular, and would wait for the caller.
      if (this.options.holdsConnection()) return (await this.store.insert([job])).has(job.gid);
      return await this.inserts.call(job);
    } catch (cause) {
      if (cause instanceof SteppingError) throw cause;
      throw new TransactionManagerUnavailableError('The job store', { cause });
    }
  }
}
