import { faultPoint, type FaultPoint } from '../core/fault-point.js';
import type { StepDefinition } from '../core/steps/step-definition.js';
import type { KnownAttempt } from '../core/steps/step-attempt.js';
import { WaitGroup } from '../core/wait-group.js';
import type { TransactionalOutcome } from '../transactions/transactional-step.runner.js';
import { LeasedJob } from '../tm/self/leased-job.js';
import type { ResolvedSelfTmOptions } from '../tm/self/self-tm.options.js';
import { SelfTmRuntime, type SelfTmServices } from '../tm/self/self-tm.runtime.js';
import type { OpenStore } from '../tm/self/store-opener.js';
import { ProcessCrashedError } from './testing.errors.js';
import type { JobStore } from '../store/job-store.js';

const NEVER = new Promise<never>(() => undefined);

/** Longer than any test takes, so that no timer has to renew a lease. The test ends those of a process that died. */
const LEASE_MS = 24 * 3600 * 1000;

/** At these the transaction around is still to end: what stops there throws, so that it is rolled back. */
const INSIDE_A_TRANSACTION: readonly FaultPoint[] = [
  'job:before-prepare',
  'job:prepared',
  'job:before-barrier',
  'job:started',
  'step:before-commit',
  'step:committed',
];
/** At these somebody waits who would wait for ever: the death shows with the next call. */
const BESIDE_THE_CALLER: readonly FaultPoint[] = ['job:before-submit', 'job:submitted'];

/**
 * One life of the application: the self-TM on a store that can be cut off, without any timer. It runs a job when it
 * is told to, and can die.
 */
export class TestProcess {
  readonly runtime: SelfTmRuntime;
  readonly reports: AttemptReport[] = [];
  private readonly severStore: (reason: Error) => void;
  private readonly attempts = new WaitGroup();
  private readonly dead: Promise<void>;
  private die!: () => void;
  private held: LeasedJob | undefined;
  /** What everybody gets who uses the process after its death. */
  severed: ProcessCrashedError | undefined;

  constructor(
    open: OpenStore,
    options: ResolvedSelfTmOptions,
    private readonly services: SelfTmServices,
    private readonly failures: PlannedFailures,
  ) {
    const { store, sever } = severable(open.store);
    this.severStore = sever;
    this.dead = new Promise((resolve) => (this.die = resolve));
    // A process that does not run steps starts its jobs for others, whom the test calls.
    const quiet = { ...options, leaseDuration: LEASE_MS, runSteps: false };
    this.runtime = new SelfTmRuntime({ ...open, store, notifications: undefined }, quiet, {
      ...services,
      aroundAttempt: (attempt, run) => this.attempt(attempt, run),
    });
  }

  /** The step that is run at this moment. */
  stepOf(gid: string): StepDefinition | undefined {
    return this.held?.gid === gid ? this.services.registry.get(this.held.stepName) : undefined;
  }

  /** Runs the job that has been due longest as far as it goes now; false when none is due. */
  async runNext(): Promise<boolean> {
    const run = this.run().catch((error: unknown) => {
      if (this.severed) return true;
      throw error;
    });
    return (await Promise.race([run, this.dead])) ?? true;
  }

  /** The process dies at a point of its own: to be awaited there. */
  async crash(point: FaultPoint): Promise<void> {
    void this.end(point);
    if (INSIDE_A_TRANSACTION.includes(point)) throw this.severed;
    if (!BESIDE_THE_CALLER.includes(point)) await NEVER;
  }

  /** Ends the process from outside, between two runs. */
  kill(): Promise<void> {
    return this.end(null);
  }

  /** Nothing is written from now on. Resolves when the transactions of running steps have been rolled back. */
  private async end(point: FaultPoint | null): Promise<void> {
    if (this.severed) return this.dead;
    this.severed = new ProcessCrashedError(point);
    this.severStore(this.severed);
    await this.attempts.wait();
    await this.runtime.leases.stop();
    this.die();
  }

  private async run(): Promise<boolean> {
    const { runtime, services } = this;
    const { store, leases } = runtime;
    const owner = leases.newOwner();
    const since = performance.now();
    await runtime.stepSteering.controls.refresh();
    const steps = services.registry.names().filter((name) => !runtime.stepSteering.controls.isPaused(name));
    const claim = { owner, limit: 1, leaseDuration: LEASE_MS, steps };
    const [record] = await store.claim(claim);
    if (!record) return false;
    if (record.status === 'prepared') {
      await runtime.prepared.resolve(record);
      return true;
    }
    await faultPoint('recovery:claimed', record.gid);
    this.held = LeasedJob.claimed(record, leases.hold({ gid: record.gid, owner }, since));
    await this.runHeld(this.held);
    await runtime.completer.flush();
    this.held = undefined;
    return true;
  }

  /** A job that comes to a paused step is handed back. */
  private async runHeld(job: LeasedJob): Promise<void> {
    const { completer, leases } = this.runtime;
    const { controls } = this.runtime.stepSteering;
    const run = this.runtime.runOf(job);
    let isPaused = false;
    try {
      while (!isPaused && (await run.next())) isPaused = controls.isPaused(job.queueName);
    } finally {
      run.end();
    }
    if (!isPaused) return;
    await completer.write(job.lease, job.handBack(0));
    leases.drop(job.lease);
  }

  private async attempt(
    attempt: KnownAttempt,
    run: () => Promise<TransactionalOutcome>,
  ): Promise<TransactionalOutcome> {
    const note = noteAttempt(this.reports, attempt);
    const failure = this.failures.take(attempt.definition);
    try {
      const outcome = failure
        ? ({ kind: 'failed', error: failure.error } as const)
        : await this.attempts.run(run);
      if (!this.severed) note(outcome);
      return outcome;
    } finally {
      // Whatever came of it, nobody is left to store it.
      if (this.severed) await NEVER;
    }
  }
}

interface PlannedFailure {
  readonly definition: StepDefinition;
  readonly error: unknown;
  times: number;
}

/** The attempts that are to fail, in the order in which they were planned. */
export class PlannedFailures {
  private planned: PlannedFailure[] = [];

  add(definition: StepDefinition, error: unknown, times: number): void {
    this.planned.push({ definition, error, times });
  }

  /** The failure of the attempt of this step that is about to run. */
  take(definition: StepDefinition): { readonly error: unknown } | undefined {
    const failure = this.planned.find((candidate) => candidate.definition === definition);
    if (!failure) return undefined;
    failure.times -= 1;
    if (failure.times === 0) this.planned = this.planned.filter((candidate) => candidate !== failure);
    return failure;
  }
}

/**
 * Puts a store behind a handle that can be cut off. What was sent before is still done, as by a database whose
 * client has died.
 */
export function severable(target: JobStore): { readonly store: JobStore; sever(reason: Error): void } {
  let severed: Error | undefined;
  const store = new Proxy(target, {
    get(real, property) {
      const value: unknown = Reflect.get(real, property, real);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown =>
        severed
          ? afterDeath(property, severed)
          : (value as (...args: unknown[]) => unknown).apply(real, args);
    },
  });
  return { store, sever: (reason) => (severed ??= reason) };
}

function afterDeath(property: string | symbol, reason: Error): Promise<unknown> {
  // The writer of progress would try again for ever, and whoever submits takes nothing changed for a lost lease.
  if (property === 'change') return new Promise(() => undefined);
  if (property === 'changePrepared') return Promise.resolve(new Set());
  return Promise.reject(reason);
}

/**
 * One attempt of a step that `drain()` or `advance()` has run.
 *
 * @publicApi
 */
export interface AttemptReport {
  /** The job. */
  readonly gid: string;
  /** The name of the step. */
  readonly step: string;
  /** The arguments as they were stored, decoded. */
  readonly args: unknown;
  /** From 1; a crash counts as one, except the first of a job of which nothing was stored when its attempt began. */
  readonly attempt: number;
  /**
   * `unfit`: the step has not begun, since its arguments do not fit or its dependencies could not be made. `interrupted`: the job was taken away, as by `cancel()`.
   * `crashed`: the process died during the attempt.
   */
  readonly outcome: 'succeeded' | 'failed' | 'unfit' | 'interrupted' | 'crashed';
  /** What the attempt failed with. */
  readonly error?: unknown;
}

/** Notes an attempt that begins; what it returns is to be called with the outcome. */
export function noteAttempt(
  reports: AttemptReport[],
  { gid, stepName: step, readArgs, attempt }: KnownAttempt,
): (outcome: TransactionalOutcome) => void {
  const args = readArgs();
  const at = reports.push({ gid, step, args, attempt, outcome: 'crashed' }) - 1;
  return (outcome) => {
    const error = 'error' in outcome ? { error: outcome.error } : {};
    reports[at] = { gid, step, args, attempt, outcome: outcome.kind, ...error };
  };
}
