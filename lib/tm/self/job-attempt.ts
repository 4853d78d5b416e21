import { faultPoint } from '../../core/fault-point.js';
import { openAttempt } from '../../core/payloads/job-payloads.js';
import type { KnownAttempt } from '../../core/steps/step-attempt.js';
import type { StepStop } from '../../core/steps/step-context.js';
import type { StepDefinition } from '../../core/steps/step-definition.js';
import { within } from '../../core/within.js';
import type { JobChange } from '../../store/job-store.js';
import type { TransactionalOutcome } from '../../transactions/transactional-step.runner.js';
import type { JobRunServices } from './job-run-services.js';
import type { LeaseKeeper } from './lease-keeper.js';
import type { LeasedJob } from './leased-job.js';

/** A step that has waited for longer is asked about again before it begins, and the answer is not waited for much longer. */
const LONG_WAIT_MS = 50;
const PATIENCE_MS = 1000;

/** The next attempt of a job's current step. */
export function attemptOf(
  job: LeasedJob,
  definition: StepDefinition,
  stop: StepStop,
  { executor, gracePeriod, leases }: JobRunServices,
  /** When the lease was good, by `performance.now()`. */
  since: number,
): KnownAttempt {
  return {
    gid: job.gid,
    definition,
    stepName: job.stepName,
    stepIndex: job.stepIndex,
    attempt: job.attempt,
    overrides: job.overrides,
    lastAttempt: executor.isLastAttempt(job.stepName, job.attempt, job.overrides),
    readArgs: () => job.readArgs(),
    stop,
    barrierGid: job.barrierGid,
    tenant: job.tenant,
    store: job.store,
    edits: job.edits,
    trace: job.trace,
    gracePeriod,
    mayBegin: () => {
      // The process that was told of a cancellation knows it at once; the mark of a transactional step asks for itself.
      if (job.lease.lost) return false;
      const asks = !definition.transactional && performance.now() - since > LONG_WAIT_MS;
      return !asks || isStillHeld(job, leases);
    },
  };
}

/** Where nobody can be asked, it begins: the lease is good as far as this process knows. */
async function isStillHeld({ lease }: LeasedJob, leases: LeaseKeeper): Promise<boolean> {
  await within(PATIENCE_MS, leases.confirm(lease)).catch(() => undefined);
  return !lease.lost;
}

/**
 * Runs an attempt with everything around it: its arguments are decoded, tests may intercept it, and it is traced.
 *
 * @param completion is stored by a transactional step, with its COMMIT.
 */
export async function runAttempt(
  job: LeasedJob,
  attempt: KnownAttempt,
  completion: JobChange,
  services: JobRunServices,
): Promise<TransactionalOutcome> {
  const before = faultPoint('step:before-execute', job.gid);
  if (before) await before;
  try {
    const outcome = await (job.hasMarkedArgs ? openAndExecute : intercepted)(
      job,
      attempt,
      completion,
      services,
    );
    const executed = faultPoint('step:executed', job.gid);
    if (executed) await executed;
    return outcome;
  } catch (error) {
    return { kind: 'failed', error };
  }
}

/** What cannot be decoded is no attempt; tests are told of it all the same. */
async function openAndExecute(
  job: LeasedJob,
  attempt: KnownAttempt,
  completion: JobChange,
  services: JobRunServices,
): Promise<TransactionalOutcome> {
  const { payloads, aroundAttempt } = services;
  const opened = await openAttempt(payloads, attempt);
  if (!('kind' in opened)) return intercepted(job, opened, completion, services);
  return aroundAttempt
    ? aroundAttempt({ ...attempt, readArgs: () => undefined }, async () => opened)
    : opened;
}

function intercepted(
  job: LeasedJob,
  attempt: KnownAttempt,
  completion: JobChange,
  services: JobRunServices,
): Promise<TransactionalOutcome> {
  const { aroundAttempt } = services;
  return aroundAttempt
    ? aroundAttempt(attempt, () => traced(job, attempt, completion, services))
    : traced(job, attempt, completion, services);
}

function traced(
  job: LeasedJob,
  attempt: KnownAttempt,
  completion: JobChange,
  services: JobRunServices,
): Promise<TransactionalOutcome> {
  const { tracer } = services.telemetry;
  return tracer
    ? tracer.aroundAttempt(attempt, () => execute(job, attempt, completion, services))
    : execute(job, attempt, completion, services);
}

function execute(
  job: LeasedJob,
  attempt: KnownAttempt,
  completion: JobChange,
  { transactional, attempts }: JobRunServices,
): Promise<TransactionalOutcome> {
  return attempt.definition.transactional
    ? transactional.run(attempt, job.lease, completion)
    : attempts.run(attempt);
}
