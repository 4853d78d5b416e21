import type { Payloads } from '../../core/payloads/payloads.js';
import type { AttemptRunner } from '../../core/steps/attempt.runner.js';
import type { KnownAttempt } from '../../core/steps/step-attempt.js';
import type { StepExecutor } from '../../core/steps/step.executor.js';
import type { StepRegistry } from '../../core/steps/step.registry.js';
import type { JobTelemetry } from '../../core/telemetry/job-telemetry.js';
import type { TransactionalOutcome } from '../../transactions/transactional-step.runner.js';
import type { AttemptReporter } from './attempt-reporter.js';
import type { FailedJob, JobCompleter } from './job-completer.js';
import type { LeaseKeeper } from './lease-keeper.js';
import type { SelfTransactionalSteps } from './self-transactional-steps.js';
import type { UnsettledAttempts } from './unsettled-attempts.js';

/** Wraps an attempt: returns its outcome, or another one. */
export type AttemptInterceptor = (
  attempt: KnownAttempt,
  run: () => Promise<TransactionalOutcome>,
) => Promise<TransactionalOutcome>;

/** What the runs of all jobs of a process share. */
export interface JobRunServices {
  readonly registry: StepRegistry;
  readonly executor: StepExecutor;
  readonly attempts: AttemptRunner;
  readonly payloads: Payloads;
  readonly telemetry: JobTelemetry;
  readonly transactional: SelfTransactionalSteps;
  readonly leases: LeaseKeeper;
  readonly completer: JobCompleter;
  readonly reporter: AttemptReporter;
  readonly unsettled: UnsettledAttempts;
  /** Milliseconds. */
  readonly gracePeriod: number;
  /** Tells that the job is due again in `delay` milliseconds, for any process. */
  readonly wake: (delay: number) => void;
  /** Whether a step could begin now, in the slot of the one that has ended. */
  readonly mayBegin: (stepName: string, ended: string) => boolean;
  readonly onFailed: (job: FailedJob, error: unknown) => Promise<void>;
  readonly aroundAttempt?: AttemptInterceptor | undefined;
}
