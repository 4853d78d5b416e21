import type { LeasedJob } from './leased-job.js';
import type { StepRuns } from './process-slots.js';

/** A job that would wait for longer is left to other processes. */
const SOON_MS = 1000;
/** Two claims of the largest size. */
const MOST_CLAIMED = 1000;
/** How much a new duration counts in the average. */
const WEIGHT = 1 / 8;

export interface WaitingJob {
  readonly job: LeasedJob;
  /** It was claimed, not started here. */
  readonly claimed: boolean;
  /** Its place in the order of all jobs that wait here. */
  readonly turn: number;
}

/**
 * The jobs of this process that are at one step: how many run, and those that wait for a slot.
 *
 * No more may wait than can probably begin within a second, by how long the attempts of the step have been taking: another
 * process may be idle. Claimed and locally started jobs are counted apart, since neither may keep the others out.
 */
export class StepQueue {
  private readonly jobs: WaitingJob[] = [];
  private claimsWaiting = 0;
  private reserved = 0;
  private runs = 0;
  /** The sum of the times at which those that run have begun. */
  private begun = 0;
  private averageMs: number | undefined;
  /** Since it was last idle, there were more jobs than slots. */
  private pressed = false;
  /** The last claim has left the step out, since enough jobs wait. */
  leftOut = false;
  /** No attempt may begin, and no job may wait here. */
  paused = false;
  /** Set after a brake: so many attempts may run, one more after each success. */
  private ramp = Infinity;

  constructor(
    private readonly most: number,
    /** How many jobs that were started here may wait at most. */
    private readonly mostStarted: number,
    /** Of the step in the whole process, whichever store keeps the jobs. */
    private readonly inProcess: StepRuns = { running: 0 },
    /** Among how many stores the slots are divided. */
    private readonly stores = 1,
  ) {}

  /** How many attempts may run at once. */
  get limit(): number {
    return this.ramp < this.most ? this.ramp : this.most;
  }

  /** Begins with one attempt at a time. */
  startSlowly(): void {
    this.ramp = 1;
  }

  /** An attempt has succeeded: one more may run. */
  speedUp(): void {
    this.ramp += 1;
  }

  get isSlow(): boolean {
    return this.ramp < this.most;
  }

  /** Whether one more attempt may run, in the slot that `leaving` gives back or in another one. */
  hasRoom(leaving: boolean): boolean {
    const given = leaving ? 1 : 0;
    return this.runs - given < this.ramp && this.inProcess.running - given < this.most;
  }

  /** How many attempts of the step run in this process, whichever store keeps their jobs. */
  get running(): number {
    return this.inProcess.running;
  }

  get waiting(): number {
    return this.jobs.length;
  }

  /** The turn of the job that has waited longest. */
  get turn(): number {
    return this.jobs[0]?.turn ?? Infinity;
  }

  /** How many more claimed jobs may wait. */
  get room(): number {
    return this.claimable - this.claimsWaiting;
  }

  /** Enough of them have begun for another claim to be worth it. Asked after each job, so it reads no clock while the answer is plain. */
  get wantsClaims(): boolean {
    const most = this.claimsWaiting * 2;
    return most <= this.mostClaimed && most <= this.claimable;
  }

  /** There are more jobs than slots, or were in the last batch: fast ones may all have ended by the time this is asked. */
  get isPressed(): boolean {
    return this.pressed || this.jobs.length > 0;
  }

  /** Whether one more job that was started here may wait, or can begin at once. */
  get takesStarted(): boolean {
    return this.startedWaiting + this.reserved + this.runs < this.limit + this.startable;
  }

  reserve(): void {
    this.reserved += 1;
  }

  cancelReservation(): void {
    this.reserved -= 1;
  }

  push(waiting: WaitingJob): void {
    if (this.runs === 0 && this.jobs.length === 0) this.pressed = false;
    this.jobs.push(waiting);
    if (waiting.claimed) this.claimsWaiting += 1;
  }

  shift(): LeasedJob {
    const { job, claimed } = this.jobs.shift()!;
    if (claimed) this.claimsWaiting -= 1;
    return job;
  }

  /** Takes the jobs out that came last and cannot begin soon. */
  takeExcess(): LeasedJob[] {
    const { claimable, startable } = this;
    // Not for a few: the estimate goes up and down.
    const claims = this.claimsWaiting > claimable * 2 ? this.claimsWaiting - claimable : 0;
    const started = this.startedWaiting > startable * 2 ? this.startedWaiting - startable : 0;
    return this.takeLast(claims, started);
  }

  takeAll(): LeasedJob[] {
    return this.takeLast(this.claimsWaiting, this.startedWaiting);
  }

  /** An attempt begins. Returns what `end()` is to be told. */
  begin(now = performance.now()): number {
    this.runs += 1;
    this.inProcess.running += 1;
    this.begun += now;
    if (this.running >= this.limit) this.pressed = true;
    return now;
  }

  end(begunAt: number, now = performance.now()): void {
    this.runs -= 1;
    this.inProcess.running -= 1;
    this.begun = this.runs === 0 ? 0 : this.begun - begunAt;
    const took = now - begunAt;
    this.averageMs = this.averageMs === undefined ? took : this.averageMs + (took - this.averageMs) * WEIGHT;
  }

  private get startedWaiting(): number {
    return this.jobs.length - this.claimsWaiting;
  }

  /** Few where nothing is known yet: a claim of many slow jobs would keep them from other processes. */
  private get mostClaimed(): number {
    return this.averageMs === undefined ? this.limit : MOST_CLAIMED;
  }

  private get claimable(): number {
    return this.soon(this.mostClaimed);
  }

  /** Many where nothing is known yet: to start a job for another process costs a claim. */
  private get startable(): number {
    return this.soon(this.mostStarted);
  }

  /** How many jobs can begin soon. Attempts that have not ended yet tell something as well. */
  private soon(most: number): number {
    const age = this.runs === 0 ? 0 : performance.now() - this.begun / this.runs;
    const duration = Math.max(this.averageMs ?? 0, age);
    return Math.max(1, Math.min(most, Math.floor((this.limit * SOON_MS) / duration / this.stores)));
  }

  private takeLast(claims: number, started: number): LeasedJob[] {
    const taken: LeasedJob[] = [];
    let [claimsLeft, startedLeft] = [claims, started];
    for (let at = this.jobs.length - 1; claimsLeft + startedLeft > 0; at -= 1) {
      const { job, claimed } = this.jobs[at]!;
      if ((claimed ? claimsLeft : startedLeft) === 0) continue;
      if (claimed) claimsLeft -= 1;
      else startedLeft -= 1;
      this.jobs.splice(at, 1);
      taken.push(job);
    }
    this.claimsWaiting -= claims;
    return taken.reverse();
  }
}
