import { faultPoint, type FaultPoint } from '../core/fault-point.js';
import type { StepDefinition } from '../core/steps/step-definition.js';
import type { KnownAttempt } from '../core/steps/step-attempt.js';
import { WaitGroup } from '../core/wait-group.js';
import type { TransactionalOutcome } from '../transactions/transactional-step.runner.js';
import { LeasedJob } from '../tm/self/leased-job.js';
import type { ResolvedSelfTmOptions } from '../tm/self/self-tm.options.js';
import { SelfTmRuntime, type SelfTmServices } from '../tm/self/self-tm.runtime.js';
import type { OpenStore } from '../tm/self/store-opener.js';
import { noteAttempt, type AttemptReport } from './attempt-report.js';
import type { PlannedFailures } from './planned-failures.js';
import { severable } from './severable-store.js';
import { ProcessCrashedError } from './testing.errors.js';

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

  /** Runs the job that has been due for longest as far as it goes now; false when none is due. */
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
    const claim = { owner, limit: 1, leaseDuration: LEASE_MS, steps: services.registry.names() };
    const [record] = await store.claim(claim);
    if (!record) return false;
    if (record.status === 'prepared') {
      await runtime.prepared.resolve([record]);
      return true;
    }
    await faultPoint('recovery:claimed', record.gid);
    this.held = LeasedJob.claimed(record, leases.hold({ gid: record.gid, owner }, since));
    await runtime.runOf(this.held).run();
    await runtime.completer.flush();
    this.held = undefined;
    return true;
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
