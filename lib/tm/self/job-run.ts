import { faultPoint } from '../../core/fault-point.js';
import type { ParsedStep } from '../../core/jobs/job-message.js';
import { isPayloadError } from '../../core/payloads/payloads.js';
import { plainError } from '../../core/payloads/stored-forms.js';
import { timeoutOf } from '../../core/steps/attempt.runner.js';
import { StepStop } from '../../core/steps/step-context.js';
import type { StepDefinition } from '../../core/steps/step-definition.js';
import { errorClass } from '../../errors/error-class.js';
import { errorText } from '../../errors/error-text.js';
import { LeaseLostError, StepAbandonedError } from '../../errors/index.js';
import type { JobChange } from '../../store/job-store.js';
import type { TransactionalOutcome } from '../../transactions/transactional-step.runner.js';
import type { ReportedAttempt } from './attempt-reporter.js';
import { attemptOf, runAttempt } from './job-attempt.js';
import type { JobRunServices } from './job-run-services.js';
import type { LeasedJob } from './leased-job.js';

/** When a job that this process cannot run is due again, for this process or another. */
const UNFIT_DELAY_MS = 10_000;
/** So much later this process looks for it by itself. */
const OTHERS_FIRST_MS = 1000;
/** A step without a limit of attempts must not bring down one process after the other for ever. */
const MAX_CRASHES = 10;

/** Runs the steps of one job, in order, while this process holds its lease. */
export class JobRun {
  private stopper: StepStop | undefined;
  /** The attempt that is under way. */
  private working:
    { readonly definition: StepDefinition; readonly outcome: Promise<TransactionalOutcome> } | undefined;
  private stopReason: unknown;
  private startedAt = 0;
  private storing = false;

  constructor(
    private readonly job: LeasedJob,
    private readonly services: JobRunServices,
  ) {
    job.lease.onLost(this);
  }

  /** To be called when no further step is to run here: what becomes of the lease is no longer its business. */
  end(): void {
    this.job.lease.onLost(undefined);
  }

  /** What it is at. */
  get current(): { readonly gid: string; readonly step: string; readonly since: number } {
    return { gid: this.job.gid, step: this.job.queueName, since: this.startedAt || performance.now() };
  }

  /** Signals the running step, and starts no other. */
  stop(reason: unknown): void {
    this.stopReason ??= reason;
    this.stopper?.request(reason);
  }

  /** Nothing runs: progress of the job is being stored. */
  get isStoring(): boolean {
    return this.storing;
  }

  /** What is being stored is the last that is done here: the job goes back to the store then. */
  leave(): void {
    this.stopReason ??= 'left';
  }

  /** Called by the lease. */
  leaseLost(): void {
    if (this.working) this.keepAlone(this.working);
    this.stop(new LeaseLostError(this.job.gid));
  }

  /** Runs one attempt of the current step; true when the next step is to follow, under the same lease. */
  async next(): Promise<boolean> {
    const { job, services } = this;
    const unreadable = job.unreadable;
    if (unreadable !== undefined) return this.unreadable(unreadable);
    const definition = services.registry.get(job.stepName);
    if (this.stopReason !== undefined) return this.handBack(0);
    // Claimed for a step of this process, although it has another one: its row is damaged, or names are compared loosely there.
    if (!definition) return this.handBack(this.startedAt === 0 ? UNFIT_DELAY_MS : 0);
    this.startedAt = performance.now();
    if (!services.leases.isGood(job.lease, this.startedAt)) return this.handBack(0);
    if (job.crashed || job.failed >= services.executor.maxAttempts(job.stepName, job.overrides)) {
      return this.abandoned(definition);
    }
    if (!job.begun && (job.marked || services.executor.mayEndAtFirstFailure(job.stepName, job.overrides))) {
      if (!(await this.store(job.begin()))) return this.forget();
      this.startedAt = performance.now();
      if (this.stopReason !== undefined || !services.leases.isGood(job.lease, this.startedAt)) {
        return this.handBack(0);
      }
    }

    this.stopper = new StepStop();
    const completion = this.completion();
    const attempt = attemptOf(job, definition, this.stopper, services, this.startedAt);
    this.working = { definition, outcome: runAttempt(job, attempt, completion, services) };
    const outcome = await this.working.outcome;
    this.working = undefined;
    switch (outcome.kind) {
      case 'succeeded':
        return this.succeeded(completion, outcome.stored === true);
      case 'failed':
        return this.failed(outcome.error, outcome.inDoubt);
      case 'unfit':
        return this.unfit(outcome.error);
      case 'interrupted':
        // A step that did not settle may still be running: its lease is left to expire.
        return outcome.settled && !job.lease.lost ? this.handBack(0) : this.forget();
    }
  }

  /** The step may go on for a while, and this process may claim the job again meanwhile. */
  private keepAlone({ definition, outcome }: NonNullable<typeof this.working>): void {
    const { gid } = this.job;
    const settled = outcome.then((end) => (end.kind === 'interrupted' ? end.ended : undefined));
    const timeout = timeoutOf({ definition, overrides: this.job.overrides }) ?? Infinity;
    this.services.unsettled.add(gid, settled, this.startedAt + timeout + this.services.gracePeriod);
  }

  /** An attempt has ended with its process, or no attempts are left. */
  private async abandoned(definition: StepDefinition): Promise<boolean> {
    const { job, services } = this;
    const { executor, transactional } = services;
    const error = new StepAbandonedError(job.stepName, job.failed, job.crashes);
    const { stepName, overrides } = job;
    const endless = executor.maxAttempts(stepName, overrides) === Infinity && job.crashes >= MAX_CRASHES;
    const delay = !endless && executor.retryDelay(stepName, job.failed, error, overrides);
    if (delay !== false) {
      services.reporter.failed(this.reported(job.failed), error, delay, 'ended with its process');
      return this.handBack(delay, await this.report(error));
    }
    try {
      // The process may have ended between the COMMIT of the step and the news of it.
      const attempt = attemptOf(job, definition, new StepStop(), services, this.startedAt);
      if (await transactional.isDone(attempt, job.lease, this.completion())) {
        job.lastHasSucceeded();
        return await this.succeeded(this.completion(), false);
      }
    } catch (unknown) {
      return this.askLater(job.failed, unknown);
    }
    return this.fail(job.failed, error);
  }

  /** A transactional step may be committed in a database that cannot be asked now. */
  private async askLater(attempts: number, error: unknown): Promise<boolean> {
    const { job, services } = this;
    const doubt = 'may be done, which cannot be looked up now';
    services.reporter.log(this.reported(attempts), doubt, error, UNFIT_DELAY_MS);
    const change = job.askLater(attempts, UNFIT_DELAY_MS, await this.report(error));
    await this.store(change);
    return this.forget();
  }

  private completion(): JobChange {
    const { job } = this;
    return job.completed(job.nextStep !== undefined && this.begins(job.nextStep));
  }

  /** Whether it is to be stored with the end of this step that the next one begins. */
  private begins({ step, overrides }: ParsedStep): boolean {
    const { executor, registry, mayBegin } = this.services;
    if (!registry.has(step) || !executor.mayEndAtFirstFailure(step, overrides)) return false;
    return mayBegin(step, this.job.queueName);
  }

  private async succeeded(completion: JobChange, stored: boolean): Promise<boolean> {
    const { job, services } = this;
    const isLast = completion.status === 'succeeded';
    if (!stored) {
      const before = faultPoint('progress:before-write', job.gid);
      if (before) await before;
      if (isLast) {
        // Not awaited: the slot is free for another job while the end is stored.
        services.completer.finish(
          job.lease,
          completion,
          services.reporter.success(job, this.startedAt, true),
        );
        return false;
      }
      if (!(await this.store(completion))) return this.forget();
      const written = faultPoint('progress:written', job.gid);
      if (written) await written;
    }
    services.reporter.success(job, this.startedAt, isLast)?.(true);
    if (isLast) return this.forget();
    job.advance(completion);
    return true;
  }

  private async failed(error: unknown, inDoubt = false): Promise<boolean> {
    const { job, services } = this;
    const delay = services.executor.retryDelay(job.stepName, job.attempt, error, job.overrides);
    if (delay === false) return inDoubt ? this.askLater(job.attempt, error) : this.fail(job.attempt, error);

    services.reporter.failed(this.reported(job.attempt), error, delay);
    await this.store(job.retryLater(delay, await this.report(error), errorClass(error)));
    services.wake(delay);
    return this.forget();
  }

  private async fail(attempts: number, error: unknown): Promise<boolean> {
    const { job, services } = this;
    services.reporter.failed(this.reported(attempts), error, false);
    const change = job.failedForGood(attempts, await this.report(error), errorClass(error));
    const stored = await this.store(change);
    this.forget();
    const { gid, stepName, stepIndex } = job;
    if (stored) await services.onFailed({ gid, stepName, stepIndex, attempts }, error);
    return false;
  }

  private async unfit(error: unknown): Promise<boolean> {
    const { payloads, reporter } = this.services;
    const { gid, attempt } = this.job;
    if (isPayloadError(error)) payloads.reportUndecodable(gid, error);
    else reporter.log(this.reported(attempt), 'cannot begin in this process', error, UNFIT_DELAY_MS);
    return this.handBack(UNFIT_DELAY_MS, await this.report(error), UNFIT_DELAY_MS + OTHERS_FIRST_MS);
  }

  /** Its row is kept, and left to a process that can read it, or to whoever mends it. */
  private async unreadable(error: unknown): Promise<boolean> {
    const { job, services } = this;
    const text = errorText(error);
    services.reporter.unreadable(job.gid, text, UNFIT_DELAY_MS);
    await this.store(job.handBack(UNFIT_DELAY_MS, plainError(text)));
    return this.forget();
  }

  private async handBack(delay: number, error?: string, wake = delay): Promise<boolean> {
    await this.store(this.job.handBack(delay, error));
    this.services.wake(wake);
    return this.forget();
  }

  /** The text of an error as it is stored. */
  private report(error: unknown): string | Promise<string> {
    const { job, services } = this;
    const { payloads, gracePeriod } = services;
    const tenant = payloads.encodes ? job.payloadTenant : undefined;
    const context = { gid: job.gid, stepIndex: job.stepIndex, ...(tenant !== undefined && { tenant }) };
    return payloads.reportOf(error, context, gracePeriod);
  }

  /** `false` when the lease was lost and nothing was stored. */
  private async store(change: JobChange): Promise<boolean> {
    this.storing = true;
    try {
      return await this.services.completer.write(this.job.lease, change);
    } finally {
      this.storing = false;
    }
  }

  private forget(): false {
    this.services.leases.drop(this.job.lease);
    return false;
  }

  private reported(attempt: number): ReportedAttempt {
    return { job: this.job, attempt, startedAt: this.startedAt };
  }
}
