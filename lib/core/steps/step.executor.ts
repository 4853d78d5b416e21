import { LineLogger } from '../line-logger.js';
import { StepNotFoundError } from '../../errors/index.js';
import { detached } from '../detached.js';
import { openAttempt } from '../payloads/job-payloads.js';
import type { Payloads } from '../payloads/payloads.js';
import { isMarked } from '../payloads/stored-forms.js';
import type { JobTelemetry } from '../telemetry/job-telemetry.js';
import type { AttemptRunner } from './attempt.runner.js';
import { resolveRetryPolicy, type ResolvedRetryPolicy, type RetryPolicyOptions } from './retry-policy.js';
import type { KnownAttempt, StepAttempt, StepOutcome } from './step-attempt.js';
import type { StepDefinition } from './step-definition.js';
import { readOverrides, type StoredOverrides } from './step-overrides.js';
import type { StepRegistry } from './step.registry.js';
import { isUnrecoverable } from './unrecoverable.js';

/** Runs transactional steps, each in a transaction of its own. */
export interface TransactionalSteps {
  run(attempt: KnownAttempt): Promise<StepOutcome>;
}

/**
 * Runs the steps of jobs, for transaction managers. It reads and checks arguments, finds the instance that runs the step,
 * watches its time, and wraps a transactional step in its transaction. Inject it into a strategy of your own.
 *
 * @publicApi
 */
export class StepExecutor {
  private readonly logger = new LineLogger('SteppingJob');
  private readonly policies = new Map<StepDefinition, ResolvedRetryPolicy>();

  /** @internal Made by the library. */
  constructor(
    private readonly registry: StepRegistry,
    private readonly runner: AttemptRunner,
    private readonly transactional: TransactionalSteps,
    private readonly payloads: Payloads,
    private readonly telemetry: JobTelemetry,
    private readonly options: { readonly retry: ResolvedRetryPolicy },
  ) {}

  /**
   * Runs one attempt outside every `AsyncLocalStorage` of the caller, and never rejects. A transactional step writes a barrier row in its own transaction, so that its effects
   * happen once even if it is attempted again.
   */
  async execute(attempt: StepAttempt): Promise<StepOutcome> {
    const definition = this.registry.get(attempt.stepName);
    if (!definition) {
      return { kind: 'unfit', error: new StepNotFoundError(attempt.stepName, this.registry.names()) };
    }
    const known = { ...attempt, definition };
    try {
      readOverrides(attempt.overrides);
    } catch (error) {
      return { kind: 'unfit', error };
    }
    try {
      return await detached(() => (isMarked(attempt.readArgs()) ? this.open(known) : this.run(known)));
    } catch (error) {
      return { kind: 'failed', error };
    }
  }

  private async open(attempt: KnownAttempt): Promise<StepOutcome> {
    const opened = await openAttempt(this.payloads, attempt);
    return 'kind' in opened ? opened : this.run(opened);
  }

  private run(attempt: KnownAttempt): Promise<StepOutcome> {
    const { tracer } = this.telemetry;
    return tracer ? tracer.aroundAttempt(attempt, () => this.runWithin(attempt)) : this.runWithin(attempt);
  }

  private runWithin(attempt: KnownAttempt): Promise<StepOutcome> {
    return attempt.definition.transactional ? this.transactional.run(attempt) : this.runner.run(attempt);
  }

  /**
   * How many attempts the step may have, by its `retry` or the module's, and by what the job overrides of that. Overrides that cannot be
   * read count for nothing, here and below: an attempt with such ones is unfit.
   */
  maxAttempts(stepName: string, overrides?: StoredOverrides): number {
    return this.policyOf(stepName, overrides).maxAttempts;
  }

  /** Whether the job fails when this attempt does, for `StepAttempt.lastAttempt`; `undefined` where a function decides. */
  isLastAttempt(stepName: string, attempt: number, overrides?: StoredOverrides): boolean | undefined {
    const { maxAttempts, isFunction } = this.policyOf(stepName, overrides);
    return isFunction ? undefined : attempt >= maxAttempts;
  }

  /**
   * Whether the job may fail when the first attempt of the step ends without success. Then the transaction manager stores
   * that the attempt begins: an attempt that ends with its process has to be counted.
   */
  mayEndAtFirstFailure(stepName: string, overrides?: StoredOverrides): boolean {
    const { maxAttempts, isFunction } = this.policyOf(stepName, overrides);
    return maxAttempts === 1 || isFunction;
  }

  /**
   * How many milliseconds after a failed attempt the next one is due, or `false` when there is to be none: the error is
   * unrecoverable, or the last attempt was used.
   *
   * @param attempt the number of the attempt that failed, from 1.
   * @param overrides `StoredStep.overrides`.
   */
  retryDelay(stepName: string, attempt: number, error: unknown, overrides?: StoredOverrides): number | false {
    const policy = this.policyOf(stepName, overrides);
    if (isUnrecoverable(error) || attempt >= policy.maxAttempts) return false;
    return policy.nextDelay(attempt, error, (problem) =>
      this.logger.error(
        `The retry function of step ${stepName} returned nothing usable; the exponential wait is used instead: ` +
          this.payloads.loggable(problem),
      ),
    );
  }

  private policyOf(stepName: string, overrides?: StoredOverrides): ResolvedRetryPolicy {
    const policy = this.stepPolicyOf(stepName);
    if (overrides === undefined) return policy;
    return resolveRetryPolicy(retryOf(overrides), 'overrides.retry', policy);
  }

  private stepPolicyOf(stepName: string): ResolvedRetryPolicy {
    const definition = this.registry.get(stepName);
    if (!definition) return this.options.retry;
    let policy = this.policies.get(definition);
    if (!policy) {
      policy = resolveRetryPolicy(definition.retry, `retry of step ${definition.name}`, this.options.retry);
      this.policies.set(definition, policy);
    }
    return policy;
  }
}

function retryOf(overrides: StoredOverrides): RetryPolicyOptions | undefined {
  try {
    return readOverrides(overrides).retry;
  } catch {
    return undefined;
  }
}
