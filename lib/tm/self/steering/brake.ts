import { setTimeout as sleep } from 'node:timers/promises';
import type { BackgroundService } from '../../../core/background-service.js';
import { detached } from '../../../core/detached.js';
import type { SteppingEventBus } from '../../../core/events/event-bus.js';
import { LineLogger } from '../../../core/line-logger.js';
import type { ResolvedBrakeOptions } from '../../../core/operations/brake-options.js';
import { isUnrecoverable } from '../../../core/steps/unrecoverable.js';
import { WaitGroup } from '../../../core/wait-group.js';
import { errorText } from '../../../errors/error-text.js';
import type { Control, ControlStore } from '../../../store/control-store.js';
import { stepEntry, type AuditStore } from '../../../store/steering/audit-store.js';
import type { AttemptWatch } from '../attempt-reporter.js';
import type { LeasedJob } from '../leased-job.js';
import type { BrakeProbes } from './brake-probes.js';
import {
  brakeStateOf,
  brakeValues,
  NO_COUNTS,
  sum,
  trips,
  type BrakeState,
  type Counts,
} from './brake-state.js';
import { noteInAudit } from './note-in-audit.js';
import type { StepControls } from './step-controls.js';

/** With fewer failures, nobody else is told. */
const SHARED_FROM = 2;
/** How often counts are shared at most, unless they would brake the step. */
const SHARE_EVERY_MS = 1000;
/** Between two shares, this part of what is missing may gather. */
const SHARED_PART = 1 / 3;
/** How often is tried to write counts while others write theirs; the next attempt tries again. */
const TRIES = 8;
const LONGEST_PAUSE_MS = 20;
/** Jobs that were retried by hand and are remembered. */
const MAX_BY_HAND = 10_000;

export interface BrakeParts {
  readonly probes: BrakeProbes | undefined;
  /** Lets one more attempt of a step run that was released lately; true when as many as ever may. */
  readonly speedUp: (stepName: string) => boolean;
  /** Tells other processes that the controls have changed. */
  readonly notify: () => void;
}

/** What this process knows of a step that fails. */
interface FailingStep {
  /** Its first failure, by `performance.now()`. */
  readonly since: number;
  /** Of this process, in this window. */
  own: Counts;
  /** Of this process, and not yet shared. */
  pending: Counts;
  /** Of all processes, as they were last seen. */
  shared: Counts;
  sharedAt: number;
  /** Nothing is counted until then. */
  quietUntil: number;
  sharing: boolean;
}

/**
 * Notices that a step fails in all processes, and warns, or pauses it.
 *
 * A step that does not fail is not counted. From its first failure on, its attempts are, for the length of a window; from the second on,
 * if enough of them fail, processes add their counts in one row of the controls. Whoever brings the counts over the limit brakes the step,
 * by compare and swap. In doubt whether that is so, no attempt of the step begins in this process until the row is written.
 */
export class Brake implements AttemptWatch, BackgroundService {
  private readonly logger = new LineLogger('SteppingBrake');
  private readonly failing = new Map<string, FailingStep>();
  /** Steps that were released, and begin slowly. */
  private readonly slow = new Set<string>();
  private readonly byHand = new Set<string>();
  private readonly underWay = new WaitGroup();
  private unreachable = false;
  private stopped = false;

  constructor(
    private readonly store: ControlStore,
    private readonly audit: AuditStore,
    private readonly controls: StepControls,
    private readonly events: SteppingEventBus,
    private readonly options: ResolvedBrakeOptions,
    private readonly parts: BrakeParts,
  ) {}

  succeeded(job: LeasedJob): void {
    if (this.slow.size > 0) this.speedUp(job);
    if (this.parts.probes?.ended(job.gid, true) || this.failing.size === 0) return;
    this.count(job, 0);
  }

  failed(job: LeasedJob, error: unknown): void {
    if (this.parts.probes?.ended(job.gid, false) || isUnrecoverable(error) || this.byHand.has(job.gid))
      return;
    this.count(job, 1);
  }

  /** Attempts of this job say nothing about its step. */
  leaveOut(gid: string): void {
    if (this.byHand.size >= MAX_BY_HAND) this.byHand.clear();
    this.byHand.add(gid);
  }

  /** The controls were read. */
  seen(controls: readonly Control[]): void {
    this.parts.probes?.seen(controls);
    for (const control of controls) {
      // Others count: successes of this process count as well.
      const state = brakeStateOf(control);
      if (state?.state !== 'counting' || control.endsIn! <= 0 || this.failing.has(control.target)) continue;
      this.failing.set(control.target, { ...newStep(), shared: state });
    }
  }

  /** These steps are no longer paused: what was before does not count. */
  released(names: readonly string[]): void {
    for (const name of names) {
      this.failing.delete(name);
      this.slow.add(this.controls.namesOf(name)[0]!);
    }
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all([this.underWay.wait(), this.parts.probes?.stop()]);
  }

  private speedUp(job: LeasedJob): void {
    const [name] = this.controls.namesOf(job.queueName) as [string];
    if (this.slow.has(name) && this.parts.speedUp(name)) this.slow.delete(name);
  }

  private count(job: LeasedJob, failed: 0 | 1): void {
    const [name] = this.controls.namesOf(job.queueName) as [string];
    const now = performance.now();
    let step = this.failing.get(name);
    if (step && now - step.since > this.options.within && !step.sharing) {
      this.failing.delete(name);
      step = undefined;
    }
    if (!step) {
      if (!failed) return;
      this.failing.set(name, (step = newStep(now)));
    }
    if (now < step.quietUntil || this.controls.isPaused(name)) return;
    const one = { attempts: 1, failed };
    step.own = sum(step.own, one);
    step.pending = sum(step.pending, one);
    this.consider(name, step, now);
  }

  private consider(name: string, step: FailingStep, now: number): void {
    if (this.stopped) return;
    const { options } = this;
    const decides = this.decides(step);
    if (decides && options.action === 'pause') this.controls.hold(name);
    if (step.sharing) return;
    const fails = step.own.failed >= SHARED_FROM && step.own.failed >= step.own.attempts * options.ratio;
    const missing = Math.max(1, Math.ceil((options.of - step.shared.attempts) * SHARED_PART));
    const isTime = step.pending.attempts >= missing || now - step.sharedAt >= SHARE_EVERY_MS;
    if (!decides && !((fails || step.shared.attempts > 0) && isTime)) return;
    step.sharing = true;
    void detached(() => this.underWay.run(() => this.share(name, step)));
  }

  /** What is known here is enough to brake the step. */
  private decides({ shared, pending }: FailingStep): boolean {
    return trips(sum(shared, pending), this.options);
  }

  private async share(name: string, step: FailingStep): Promise<void> {
    let reached = true;
    try {
      for (let tries = 0; tries < TRIES && !this.stopped; tries += 1) {
        if (await this.shareOnce(name, step)) break;
        await sleep(Math.random() * LONGEST_PAUSE_MS);
      }
    } catch (error) {
      reached = false;
      if (!this.unreachable && !this.stopped) {
        this.logger.warn(
          `The counts of failing steps cannot be shared; it is tried again: ${errorText(error)}`,
        );
      }
    }
    this.unreachable = !reached;
    step.sharing = false;
    step.sharedAt = performance.now();
    const isKnown = this.controls.isPaused(name) || step.sharedAt < step.quietUntil;
    // Attempts that have ended meanwhile may decide it.
    if (reached && !isKnown && this.decides(step)) this.consider(name, step, step.sharedAt);
    else this.controls.release(name);
  }

  /** Adds the counts of this process to those of all; false when somebody else was faster. */
  private async shareOnce(name: string, step: FailingStep): Promise<boolean> {
    const { options, store } = this;
    const control = await store.find('brake', name);
    const before = brakeStateOf(control);
    const endsIn = control?.endsIn ?? 0;
    if (before?.state === 'braked' || before?.state === 'probing') return this.obey();
    const goesOn = before !== undefined && endsIn > 0;
    if (goesOn && before.state === 'warned') {
      step.quietUntil = performance.now() + endsIn;
      return true;
    }
    const { pending } = step;
    const counts = sum(goesOn ? before : NO_COUNTS, pending);
    const lastPause = goesOn ? before.pauseMs : 0;
    const next = this.stateOf(name, counts, lastPause);
    const lasts = {
      counting: goesOn ? endsIn : options.within,
      warned: options.within,
      braked: next.pauseMs,
    };
    const values = brakeValues(next, lasts[next.state]);
    const written = control
      ? await store.replace('brake', name, control.value, values, !goesOn || next.state !== 'counting')
      : await store.insert('brake', name, values);
    if (!written) return false;
    step.pending = {
      attempts: step.pending.attempts - pending.attempts,
      failed: step.pending.failed - pending.failed,
    };
    step.shared = counts;
    if (next.state !== 'counting') await this.braked(name, step, next);
    return true;
  }

  private stateOf(
    name: string,
    counts: Counts,
    lastPause: number,
  ): Omit<BrakeState, 'id'> & { readonly state: 'counting' | 'warned' | 'braked' } {
    const { action, pause, max } = this.options;
    const names = this.controls.namesOf(name);
    if (!trips(counts, this.options)) return { names, state: 'counting', ...counts, pauseMs: lastPause };
    if (action === 'warn') return { names, state: 'warned', ...counts, pauseMs: 0 };
    return { names, state: 'braked', ...counts, pauseMs: Math.min(max, lastPause * 2 || pause) };
  }

  /** The step is paused already. */
  private async obey(): Promise<true> {
    await this.controls.refresh();
    return true;
  }

  private async braked(
    name: string,
    step: FailingStep,
    { state, attempts, failed, pauseMs }: Omit<BrakeState, 'id'>,
  ): Promise<void> {
    const isPaused = state === 'braked';
    if (!isPaused) step.quietUntil = performance.now() + this.options.within;
    const action = isPaused ? 'pause' : 'warn';
    this.events.emit({
      event: 'step.braked',
      stepName: name,
      action,
      attempts,
      failed,
      pauseMs: isPaused ? pauseMs : null,
    });
    const consequence = isPaused
      ? `It is paused in all processes for ${pauseMs} ms; then one job tries.`
      : "With 'brake: { action: 'pause' }' it would be paused in all processes.";
    this.logger.error(`The step '${name}' fails: ${failed} of ${attempts} attempts. ${consequence}`);
    if (!isPaused) return;
    await this.controls.refresh();
    this.parts.notify();
    const entry = stepEntry('brake', name, `${failed} of ${attempts} attempts have failed`);
    await noteInAudit(this.audit, entry, this.logger);
  }
}

function newStep(since = performance.now()): FailingStep {
  return {
    since,
    own: NO_COUNTS,
    pending: NO_COUNTS,
    shared: NO_COUNTS,
    sharedAt: -Infinity,
    quietUntil: -Infinity,
    sharing: false,
  };
}
