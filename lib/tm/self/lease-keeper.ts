import { LineLogger } from '../../core/line-logger.js';
import type { BackgroundService } from '../../core/background-service.js';
import { detached } from '../../core/detached.js';
import { SingleFlight } from '../../core/single-flight.js';
import { within } from '../../core/within.js';
import type { JobRecord, JobStore, LeaseKey } from '../../store/job-store.js';
import { LeaseTable } from './lease-table.js';
import { Lease } from './lease.js';
import { LeaseIdentity } from './lease-identity.js';
import { someGids } from './some-gids.js';
import { errorText } from '../../errors/error-text.js';

/** A lease is renewed after a third of it, which leaves time for two more tries. */
const RENEW_AFTER = 1 / 3;
/** Work stops when this much is left, so that no other process finds an expired lease while a step still runs. */
const GIVE_UP_AT = 1 / 5;
const CHECKS_PER_LEASE = 10;
const MIN_CHECK_MS = 10;

/** Holds the leases of this process, renews them while their jobs wait or run, and gives up those it loses. */
export class LeaseKeeper implements BackgroundService {
  private readonly logger = new LineLogger(LeaseKeeper.name);
  private readonly held = new LeaseTable();
  private timer: NodeJS.Timeout | undefined;
  private readonly interval: number;
  /** When the timer last ran, by `performance.now()`. */
  private checkedAt = 0;
  /** How often the timer was late. */
  private pauses = 0;
  /** Set while the store is asked which leases have outlived a pause of the process. */
  private asking: Promise<void> | undefined;
  private failing = false;
  /** Leases are overdue, or were until they were dropped. */
  private overdue = false;
  private readonly renewing = new SingleFlight(() => this.renewDue());

  constructor(
    private readonly store: JobStore,
    /** Milliseconds. */
    readonly leaseDuration: number,
    private readonly identity = new LeaseIdentity(),
  ) {
    this.interval = Math.max(MIN_CHECK_MS, leaseDuration / CHECKS_PER_LEASE);
  }

  /** The id of this process. */
  get process(): string {
    return this.identity.process;
  }

  /** A token that tells one claim from every other. */
  newOwner(): string {
    return this.identity.newOwner();
  }

  /** The timer runs while there are leases: `hold()` calls this, too. */
  start(): void {
    if (this.held.size === 0 || this.timer) return;
    this.checkedAt = performance.now();
    this.timer = detached(() => setInterval(() => this.check(), this.interval));
  }

  /** Renews nothing more. For a process that has handed its jobs back. */
  async stop(): Promise<void> {
    this.stopTimer();
    await this.asking;
    await this.renewing.landed();
  }

  /**
   * After a pause of the process, or of the store: resolves when the store has told which leases are still held. Until then a claim
   * would take this process's own jobs from it.
   */
  async afterPause(): Promise<void> {
    if (this.timer && this.pause > 0) this.check();
    await (this.asking ?? (this.overdue ? this.renewed() : undefined));
  }

  /** Returns a function that tells whether the process has not paused since, so that its leases cannot have expired unseen. */
  watchForPause(): () => boolean {
    const { pauses } = this;
    return () => this.pauses === pauses && !(this.timer && this.pause > 0);
  }

  /** Holds a lease that was taken by a statement sent at `since`, by `performance.now()`. */
  hold({ gid, owner }: LeaseKey, since: number): Lease {
    const lease = new Lease(gid, owner, since + this.leaseDuration);
    // A job that this process still holds can only be claimed again once the older lease has expired.
    this.held.put(lease)?.lose();
    this.start();
    return lease;
  }

  drop(lease: Lease): void {
    this.held.remove(lease);
    if (this.held.size === 0) this.stopTimer();
  }

  /** Whether enough of the lease is left to start a step under it. */
  isGood(lease: Lease, now = performance.now()): boolean {
    return lease.remainingAt(now) > this.leaseDuration * GIVE_UP_AT;
  }

  /** Asks the store whether the lease is still held, and renews it. */
  async confirm(lease: Lease): Promise<boolean> {
    if (lease.lost) return false;
    await this.renew([lease]);
    return this.holds(lease) && this.isGood(lease);
  }

  /** The job was canceled: the step that runs may end, nothing follows it, and a waiting job does not begin. */
  cancel(gid: string): void {
    const lease = this.held.get(gid);
    if (!lease) return;
    this.drop(lease);
    lease.cancel();
  }

  private stopTimer(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }

  /** How many milliseconds the timer is late; 0 where that is nothing unusual. */
  private get pause(): number {
    const late = performance.now() - this.checkedAt - this.interval;
    return late > this.interval ? late : 0;
  }

  private check(): void {
    const { pause } = this;
    if (pause > 0) this.pauses += 1;
    this.checkedAt = performance.now();
    const over = this.held.all().filter((lease) => !this.isGood(lease));
    if (over.length > 0 && pause > 0)
      this.asking ??= this.ask(pause).finally(() => (this.asking = undefined));
    else if (!this.asking) this.giveUp(over);
    void this.renewing.run();
  }

  /**
   * Nobody could watch the leases while the event loop was blocked or the process stopped. Where no other process has taken
   * the job meanwhile, the lease goes on: a step that has ended by now need not run again.
   */
  private async ask(pause: number): Promise<void> {
    this.logger.warn(
      `The event loop was blocked, or the process stopped, for ${Math.round(pause)} ms. Leases could not be renewed for so ` +
        'long that other processes may run the jobs a second time. Move CPU-bound work of steps out of the event loop.',
    );
    await this.renewed();
    this.giveUp(this.held.all().filter((lease) => !this.isGood(lease)));
  }

  /** A renewal that was sent before counts from then, and may fail with a connection of then. */
  private renewed(): Promise<unknown> {
    const renewed = this.renewing.landed().then(() => this.renewing.run());
    return within(this.leaseDuration * RENEW_AFTER, renewed);
  }

  /** Their renewal goes on: work that has ended is stored, unless another process has taken the job. */
  private giveUp(leases: readonly Lease[]): void {
    const late = leases.filter(({ overdue }) => !overdue);
    if (late.length === 0) return;
    this.overdue = true;
    // Of some jobs only the end is still to be stored: nothing of theirs runs any more.
    this.logger.warn(
      late.length === 1
        ? `The lease of 1 job is overdue, since it could not be renewed in time: ${someGids(late)}. A step that still runs is told to stop.`
        : `The leases of ${late.length} jobs are overdue, since they could not be renewed in time: ${someGids(late)}. Steps that still run are told to stop.`,
    );
    for (const lease of late) lease.expire();
  }

  private async renewDue(): Promise<void> {
    const latest = this.leaseDuration * (1 - RENEW_AFTER);
    const due = this.held.all().filter(({ remaining }) => remaining < latest);
    if (due.length === 0) {
      this.overdue = false;
      return;
    }
    try {
      await this.renew(due);
      this.failing = false;
      this.overdue = false;
    } catch (error) {
      if (!this.failing)
        this.logger.warn(`Renewing ${due.length} leases failed and is tried again: ${errorText(error)}`);
      this.failing = true;
    }
  }

  private async renew(leases: readonly Lease[]): Promise<void> {
    const sent = performance.now();
    const renewed = await this.store.renew(leases, this.leaseDuration);
    const missing: Lease[] = [];
    for (const lease of leases) {
      if (renewed.has(lease.gid)) {
        lease.validUntil = sent + this.leaseDuration;
        lease.overdue = false;
      } else missing.push(lease);
    }
    if (missing.length === 0) return;
    // The renewal skips locked rows; those may still be ours.
    const held = await this.store.held(missing);
    for (const lease of missing) {
      if (held.has(lease.gid) || !this.holds(lease)) continue;
      const job = await this.store.findBeside(lease.gid);
      // The answer to what has ended it may have come meanwhile, or is still to come.
      if (!this.holds(lease)) continue;
      if (job?.status === 'canceled') this.cancel(lease.gid);
      else if (job && hasGivenUp(lease, job)) this.drop(lease);
      else this.lose(lease, job ? whatBecameOf(job) : 'the job has been deleted');
    }
  }

  private holds(lease: Lease): boolean {
    return this.held.get(lease.gid) === lease;
  }

  private lose(lease: Lease, reason: string): void {
    this.drop(lease);
    if (lease.lost) return;
    this.logger.warn(`The lease of job ${lease.gid} is lost: ${reason}.`);
    lease.lose();
  }
}

/** Whether this process itself has ended the job, or handed it back: nobody else writes under the lease's owner. */
function hasGivenUp(lease: Lease, { status, owner }: JobRecord): boolean {
  if (owner === null) return lease.releasing;
  return owner === lease.owner && status !== 'submitted';
}

/** Nobody knows who did it: perhaps this very process, after a pause that was longer than the lease. */
function whatBecameOf({ status, owner }: JobRecord): string {
  if (status !== 'submitted') return `the job is ${status}`;
  return owner === null ? 'the job was handed back' : 'it had expired, and the job was claimed again';
}
