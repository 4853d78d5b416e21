import { Logger } from '@nestjs/common';
import { faultPoint } from '../../core/fault-point.js';
import type { ResolvedRetryPolicy } from '../../core/steps/retry-policy.js';
import type { StepDefinition } from '../../core/steps/step-definition.js';
import { StepStop } from '../../core/steps/step-stop.js';
import type { StepAttempt, StepExecutor } from '../../core/steps/step.executor.js';
import type { StepRegistry } from '../../core/steps/step.registry.js';
import type { TransactionalOutcome } from '../../transactions/transactional-step.runner.js';
import {
  LeaseLostError,
  SteppingError,
  StepAbandonedError,
  UnrecoverableStepError,
} from '../../errors/index.js';
import { storableError } from './error-text.js';
import type { LeasedJob } from './leased-job.js';
import type { JobChange } from '../../store/job-store.js';
import type { LeaseKeeper } from './lease-keeper.js';
import type { JobCompleter } from './job-completer.js';
import type { SelfTransactionalSteps } from './self-transactional-steps.js';

/** When a job that does not fit this process is looked at again, by this process or by one that it fits. */
const UNFIT_DELAY_MS = 10_000;

/** Stands around an attempt, and answers with its outcome or with another one. */
export type AttemptInterceptor = (
  attempt: StepAttempt,
  run: () => Promise<TransactionalOutcome>,
) => Promise<TransactionalOutcome>;

export interface JobRunServices {
  readonly registry: StepRegistry;
  readonly executor: StepExecutor;
  readonly transactional: SelfTransactionalSteps;
  readonly leases: LeaseKeeper;
  readonly writer: JobCompleter;
  readonly retryPolicyOf: (definition: StepDefinition) => ResolvedRetryPolicy;
  /** An attempt was put off: there is something to do in so many milliseconds. */
  readonly onDelayed: (delay: number) => void;
  /** The job was given back for any process to take. */
  readonly onHandedBack: () => void;
  readonly onFailed: (gid: string, error: unknown) => Promise<void>;
  readonly aroundAttempt?: AttemptInterceptor | undefined;
}

/** Runs the steps of one job, in order, for as long as this process holds its lease. */
export class JobRun {
  private static readonly logger = new Logger('SteppingJob');
  private current: StepStop | undefined;
  private stopReason: unknown;
  private startedAt = 0;

  constructor(
    private readonly job: LeasedJob,
    private readonly services: JobRunServices,
  ) {}

  /** Gives the step that runs its signal; no further step is started. */
  stop(reason: unknown): void {
    this.stopReason ??= reason;
    this.current?.request(reason);
  }

  /** Called by the lease. */
  leaseLost(): void {
    this.stop(new LeaseLostError(this.job.gid));
  }

  async run(): Promise<void> {
    const { lease } = this.job;
    lease.onLost(this);
    try {
      while (await this.runStep());
    } finally {
      lease.onLost(undefined);
    }
  }

  /** Runs one attempt; true when the next step is to follow. */
  private async runStep(): Promise<boolean> {
    const { job, services } = this;
    const definition = services.registry.get(job.stepName);
    if (this.stopReason !== undefined || !definition) return this.handBack(0);
    if (!services.leases.isGood(job.lease)) return this.forget();

    const policy = services.retryPolicyOf(definition);
    if (job.failed >= policy.maxAttempts) {
      return this.fail(job.failed, new StepAbandonedError(job.stepName, job.failed));
    }

    this.startedAt = performance.now();
    this.current = new StepStop();
    const completion = job.completed();
    const outcome = await this.attempt(definition, completion, this.current);
    switch (outcome.kind) {
      case 'succeeded':
        return this.succeeded(completion, outcome.stored === true);
      case 'failed':
        return this.failed(policy, outcome.error);
      case 'unfit':
        return this.unfit(outcome.error);
      case 'interrupted':
        // A step that did not settle may still be at work: its lease is left to expire.
        return outcome.settled && !job.lease.lost ? this.handBack(0) : this.forget();
    }
  }

  private async attempt(
    definition: StepDefinition,
    completion: JobChange,
    stop: StepStop,
  ): Promise<TransactionalOutcome> {
    const { job, services } = this;
    const attempt: StepAttempt = {
      gid: job.gid,
      definition,
      stepName: job.stepName,
      stepIndex: job.stepIndex,
      attempt: job.attempt,
      readArgs: () => job.readArgs(),
      stop,
    };
    const point = faultPoint('step:before-execute', job.gid);
    if (point) await point;
    const run = () =>
      definition.transactional
        ? services.transactional.run(attempt, job.lease, completion)
        : services.executor.execute(attempt);
    try {
      const outcome = await (services.aroundAttempt ? services.aroundAttempt(attempt, run) : run());
      const executed = faultPoint('step:executed', job.gid);
      if (executed) await executed;
      return outcome;
    } catch (error) {
      return { kind: 'failed', error };
    }
  }

  private async succeeded(completion: JobChange, stored: boolean): Promise<boolean> {
    const { job, services } = this;
    const last = completion.status === 'succeeded';
    if (!stored) {
      const point = faultPoint('progress:before-write', job.gid);
      if (point) await point;
      if (last) {
        // Nobody waits for it: the place is free for another job while it is being written.
        services.writer.finish(job.lease, completion);
        return false;
      }
      if (!(await services.writer.write(job.lease, completion))) return this.forget();
      const written = faultPoint('progress:written', job.gid);
      if (written) await written;
    }
    if (last) return this.forget();
    job.advance();
    return true;
  }

  private async failed(policy: ResolvedRetryPolicy, error: unknown): Promise<boolean> {
    const { job, services } = this;
    const { attempt } = job;
    const delay =
      isUnrecoverable(error) || attempt >= policy.maxAttempts
        ? false
        : policy.nextDelay(attempt, error, (problem) => this.reportPolicy(problem));
    if (delay === false) return this.fail(attempt, error);

    this.log('failed', attempt, error, delay);
    await services.writer.write(job.lease, job.retryLater(delay, storableError(error)));
    services.onDelayed(delay);
    return this.forget();
  }

  private async fail(attempts: number, error: unknown): Promise<boolean> {
    const { job, services } = this;
    this.log('failed', attempts, error, false);
    const stored = await services.writer.write(job.lease, job.failedForGood(attempts, storableError(error)));
    this.forget();
    if (stored) await services.onFailed(job.gid, error);
    return false;
  }

  private async unfit(error: unknown): Promise<boolean> {
    this.log('does not fit this process', this.job.attempt, error, UNFIT_DELAY_MS);
    return this.handBack(UNFIT_DELAY_MS, storableError(error));
  }

  private async handBack(delay: number, error: string | null = null): Promise<boolean> {
    await this.services.writer.write(this.job.lease, this.job.handBack(delay, error));
    if (delay === 0) this.services.onHandedBack();
    else this.services.onDelayed(delay);
    return this.forget();
  }

  private forget(): false {
    this.services.leases.drop(this.job.lease);
    return false;
  }

  private reportPolicy(problem: unknown): void {
    JobRun.logger.error(
      `The retry function of step ${this.job.stepName} gave no usable answer; the exponential wait takes its ` +
        `place: ${String(problem)}`,
    );
  }

  /** One structured line per attempt that failed; never the arguments, which may hold secrets. */
  private log(what: string, attempt: number, error: unknown, delay: number | false): void {
    const { job } = this;
    JobRun.logger.warn({
      message: `Step ${job.stepName} of job ${job.gid} ${what}`,
      gid: job.gid,
      step: job.stepName,
      stepIndex: job.stepIndex,
      attempt,
      tookMs: Math.round(performance.now() - this.startedAt),
      nextAttemptInMs: delay === false ? null : Math.round(delay),
      error: error instanceof Error ? `${error.name}: ${error.message}` : String(error),
    });
  }
}

/** By code as well as by class: the step may have its error from another copy of the library. */
function isUnrecoverable(error: unknown): boolean {
  if (error instanceof UnrecoverableStepError) return true;
  return error instanceof Error && (error as Partial<SteppingError>).code === 'STEPPING_UNRECOVERABLE_STEP';
}
