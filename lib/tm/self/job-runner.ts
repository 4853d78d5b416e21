import { LineLogger } from '../../core/line-logger.js';
import type { BackgroundService } from '../../core/background-service.js';
import { detached } from '../../core/detached.js';
import { swapRemove } from '../../core/swap-remove.js';
import { WaitGroup } from '../../core/wait-group.js';
import { errorText } from '../../errors/error-text.js';
import { StepInterruptedError } from '../../errors/index.js';
import type { ByteBudget } from './byte-budget.js';
import type { JobCompleter } from './job-completer.js';
import type { JobRun } from './job-run.js';
import type { LeaseKeeper } from './lease-keeper.js';
import type { LeasedJob } from './leased-job.js';
import { LoneJobs } from './lone-jobs.js';
import type { ProcessSlots, SlotUser } from './process-slots.js';
import { Seat } from './seat.js';
import type { StepQueue } from './step-queue.js';
import type { ClaimableSteps, StepQueues } from './step-queues.js';
import { UnsettledAttempts } from './unsettled-attempts.js';

/** How long a job that has to run alone is left to other processes, when enough of them wait here. */
const LONE_PAUSE_MS = 1000;

/** How long a job is left to other processes while an earlier attempt of it is still at work here. */
const UNSETTLED_PAUSE_MS = 1000;

/** How often waiting jobs are looked at that may be better off in another process. */
const LOOK_EVERY_MS = 1000;

/** What a job needs that this process is about to start. */
export interface JobPlace {
  /** The first step. */
  readonly stepName: string;
  /** As it is stored. */
  readonly bytes: number;
}

/** What may be claimed now. */
export interface ClaimRoom extends ClaimableSteps {
  readonly maxBytes: number;
  /** What one job may take if it comes alone; undefined for any size. */
  readonly maxLone: number | undefined;
}

export interface JobRunnerOptions {
  /** False in a process that only starts jobs. */
  readonly runsSteps: boolean;
  /** Tells other processes that there are due jobs. */
  readonly wake: () => void;
}

/**
 * Runs the jobs of a store that this process holds, in the slots of the process; the others wait in bounded queues, one for each step.
 *
 * A job that was at work when its process ended may have caused that. One such job runs at a time: the others would lose an
 * attempt with it. They wait in a queue of their own, so jobs that did nothing wrong do not wait behind them.
 */
export class JobRunner implements BackgroundService, SlotUser {
  private readonly logger = new LineLogger(JobRunner.name);
  private readonly lone: LoneJobs;
  /** An array, for the reason that `LeaseTable` gives. */
  private readonly running: Seat[] = [];
  private readonly runs = new WaitGroup();
  private state: 'waiting' | 'running' | 'stopped' = 'waiting';
  private lookTimer: NodeJS.Timeout | undefined;
  private bytesLeftOut = false;
  private onRoom = (): void => undefined;

  constructor(
    private readonly leases: LeaseKeeper,
    private readonly completer: JobCompleter,
    private readonly runOf: (job: LeasedJob) => JobRun,
    private readonly queues: StepQueues,
    private readonly budget: ByteBudget,
    private readonly options: JobRunnerOptions,
    private readonly unsettled = new UnsettledAttempts(),
  ) {
    this.lone = new LoneJobs(queues.concurrency);
    queues.slots.join(this);
    completer.whenAway(() => this.makeWay());
  }

  get concurrency(): number {
    return this.queues.concurrency;
  }

  get runningCount(): number {
    return this.running.length;
  }

  /** How many jobs wait here for a slot. */
  get waitingCount(): number {
    return this.queues.waiting + this.lone.waiting;
  }

  /** The attempts that run, the longest first. */
  busiest(limit: number): { readonly gid: string; readonly step: string; readonly since: number }[] {
    return this.running
      .map(({ run }) => run.current)
      .sort((a, b) => a.since - b.since)
      .slice(0, limit);
  }

  /** Whether this process takes jobs at all. */
  get takesJobs(): boolean {
    return this.options.runsSteps && this.state !== 'stopped';
  }

  /** Reserves a place for a job that this process is about to start; `false` when it had better be left to any process. */
  reserve({ stepName, bytes }: JobPlace): boolean {
    const queue = this.queues.of(stepName);
    if (!this.takesJobs || queue.paused || !queue.takesStarted || !this.budget.allows(bytes)) return false;
    queue.reserve();
    this.budget.hold(bytes);
    return true;
  }

  cancelReservation({ stepName, bytes }: JobPlace): void {
    this.queues.of(stepName).cancelReservation();
    this.budget.release(bytes);
    this.slots.changed();
  }

  /** Takes a job that a place was reserved for. */
  offer(job: LeasedJob): void {
    this.queues.of(job.queueName).cancelReservation();
    this.take(job);
  }

  /** Takes the jobs of a claim. */
  offerClaimed(jobs: readonly LeasedJob[]): void {
    for (const job of jobs) {
      this.budget.hold(job.bytes);
      if (this.isPaused(job)) void this.handBack([job], 0);
      else if (this.unsettled.has(job.gid)) void this.handBack([job], UNSETTLED_PAUSE_MS);
      else if (!job.runsAlone) this.queues.push(this.queues.of(job.queueName), job, true);
      else if (!this.lone.push(job)) void this.handBack([job], LONE_PAUSE_MS);
    }
    this.afterTaking();
  }

  /** What may be claimed now. When a step that is left out may be claimed again, `onRoom` is called, once. */
  claimRoom(): ClaimRoom | undefined {
    if (!this.takesJobs) return undefined;
    this.bytesLeftOut = !this.budget.allowsClaim;
    const { names, room, complete } = this.queues.claimable();
    if (this.bytesLeftOut || names.length === 0) return undefined;
    // Other stores may claim at the same time.
    const ofStore = Math.max(1, Math.floor(room / this.slots.stores));
    return {
      ...{ names, complete, room: ofStore },
      ...{ maxBytes: this.budget.ofClaim, maxLone: this.budget.ofLargest },
    };
  }

  /** Only these steps are paused from now on. Jobs that wait at them go back to the store at once; attempts that run go on. */
  pause(names: ReadonlySet<string>): void {
    this.queues.pause(names);
    const lone = this.lone.take((job) => this.isPaused(job));
    void this.handBack([...this.queues.takePaused(), ...lone], 0);
    this.startWaiting();
  }

  /** Whether an attempt of a paused step may run. */
  get hasSlot(): boolean {
    return this.state === 'running' && !this.slots.isFull && this.budget.allowsClaim;
  }

  /** Runs a claimed job whose step is paused. */
  async probe(job: LeasedJob): Promise<void> {
    this.budget.hold(job.bytes);
    if (!this.hasSlot || (job.runsAlone && this.slots.loneIsRunning)) return this.handBack([job], 0);
    await this.run(job, this.queues.of(job.queueName), job.runsAlone);
  }

  /** Hands a claimed job back that does not run. */
  async giveBack(job: LeasedJob): Promise<void> {
    this.budget.hold(job.bytes);
    await this.handBack([job], 0);
  }

  whenRoom(listener: () => void): void {
    this.onRoom = listener;
  }

  start(): void {
    if (this.state === 'waiting') this.state = 'running';
    this.startWaiting();
  }

  /** Hands waiting jobs back, signals running steps, and waits until they have settled or their grace period is over. */
  async stop(): Promise<void> {
    this.state = 'stopped';
    clearTimeout(this.lookTimer);
    this.completer.close();
    for (const { run } of this.running) run.stop(new StepInterruptedError('shutdown'));
    await this.handBackQueues();
    await this.runs.wait();
    await this.completer.flush();
  }

  get canStart(): boolean {
    if (this.state !== 'running' || this.slots.isFull || this.isCutOff) return false;
    return this.lone.waiting > 0 || this.queues.waiting > 0;
  }

  startOne(): boolean {
    if (!this.canStart) return false;
    const lone = this.nextLone();
    const queue = lone ? this.queues.of(lone.queueName) : this.queues.next();
    if (!queue) return false;
    const job = lone ?? queue.shift();
    if (job.lease.lost) this.budget.release(job.bytes);
    else void this.run(job, queue, lone !== undefined);
    return true;
  }

  slotsChanged(): void {
    const reopened = this.queues.reopened();
    if (this.bytesLeftOut && this.budget.allowsClaim) this.bytesLeftOut = false;
    else if (!reopened) return;
    this.onRoom();
  }

  private get slots(): ProcessSlots {
    return this.queues.slots;
  }

  private startWaiting(): void {
    this.slots.start();
    this.lookLater();
  }

  /** Takes the first lone job that may begin. */
  private nextLone(): LeasedJob | undefined {
    if (this.slots.loneIsRunning || this.lone.waiting === 0) return undefined;
    return this.lone.shift((job) => this.queues.hasRoom(this.queues.of(job.queueName)));
  }

  private async run(job: LeasedJob, first: StepQueue, alone: boolean): Promise<void> {
    const run = this.runOf(job);
    const seat = new Seat(run, first, this.queues, alone);
    this.running.push(seat);
    this.runs.add();
    let waits = false;
    try {
      while (await run.next()) {
        // Without its slot, it hands the job back.
        if (seat.left) continue;
        const next = this.queues.of(job.queueName);
        waits = this.state !== 'stopped' && !seat.hasRoomAt(next);
        if (waits) break;
        seat.moveTo(next);
      }
    } catch (error) {
      waits = false;
      this.logger.error(`Running job ${job.gid} failed unexpectedly: ${errorText(error)}`);
      this.leases.drop(job.lease);
    } finally {
      run.end();
      swapRemove(this.running, seat);
      seat.leave();
      if (waits) this.giveWay(job);
      else this.budget.release(job.bytes);
      this.startWaiting();
      this.runs.done();
    }
  }

  /** Jobs that only wait for a store that is away must not keep those of other stores from running. */
  private makeWay(): void {
    if (this.isCutOff) {
      for (const seat of this.running) {
        if (!seat.run.isStoring) continue;
        seat.run.leave();
        seat.leave();
      }
    }
    this.startWaiting();
  }

  /** The slots are for others while the store is away. */
  private get isCutOff(): boolean {
    return this.slots.stores > 1 && this.completer.isAway;
  }

  /** The next step of the job is at its limit. */
  private giveWay(job: LeasedJob): void {
    const queue = this.queues.of(job.queueName);
    // A begin that is stored already would be counted if this process ended while the job waits.
    if (job.begun || !queue.takesStarted) void this.handBack([job], 0);
    else this.take(job);
  }

  private isPaused(job: LeasedJob): boolean {
    return this.queues.of(job.queueName).paused;
  }

  private take(job: LeasedJob): void {
    if (this.isPaused(job)) return void this.handBack([job], 0);
    this.queues.push(this.queues.of(job.queueName), job, false);
    this.afterTaking();
  }

  private afterTaking(): void {
    if (this.state === 'stopped') void this.handBackQueues();
    else this.startWaiting();
  }

  /** The job is gone from this process. */
  private forget(job: LeasedJob): void {
    this.budget.release(job.bytes);
    this.slots.changed();
  }

  private lookLater(): void {
    if (this.lookTimer !== undefined || this.state !== 'running' || this.queues.waiting === 0) return;
    this.lookTimer = detached(() => setTimeout(() => this.look(), LOOK_EVERY_MS));
  }

  /** Steps may have turned out to be slow since their jobs began to wait. */
  private look(): void {
    this.lookTimer = undefined;
    const excess = this.queues.takeExcess();
    if (excess.length > 0) void this.handBack(excess, 0).then(() => this.options.wake());
    this.lookLater();
  }

  private async handBackQueues(): Promise<void> {
    await this.handBack([...this.queues.takeAll(), ...this.lone.take()], 0);
  }

  private async handBack(jobs: readonly LeasedJob[], delay: number): Promise<void> {
    await Promise.all(
      jobs.map(async (job) => {
        if (!job.lease.lost) {
          await this.completer.write(job.lease, job.handBack(delay));
          this.leases.drop(job.lease);
        }
        this.forget(job);
      }),
    );
  }
}
