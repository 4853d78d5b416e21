import type { JobStatus } from '../core/jobs/job-info.js';
import { describeList, describeValue, keepUnseen, SteppingError, type ErrorCause } from './stepping.error.js';

/**
 * A gid given by the caller cannot be used.
 *
 * @publicApi
 */
export class InvalidGidError extends SteppingError {
  /** What was given as the gid. It may be anything, so that it is not printed with the error. */
  declare readonly gid: unknown;

  constructor(
    gid: unknown,
    /** What is wrong with it. */
    readonly reason: string,
  ) {
    super(
      'InvalidGidError',
      `Invalid gid ${describeValue(gid)}: ${reason}. Use 1 to 128 characters of [A-Za-z0-9._:-].`,
    );
    keepUnseen(this, 'gid', gid);
  }
}

/**
 * Jobs of this gid are in several stores, and nothing says which one is meant. It takes a gid of the caller's own.
 *
 * @publicApi
 */
export class AmbiguousJobError extends SteppingError {
  constructor(
    /** The gid of the jobs. */
    readonly gid: string,
    /** The names of the `DataSource`s that keep one. */
    readonly dataSources: readonly string[],
  ) {
    super(
      'AmbiguousJobError',
      `There is a job '${gid}' in each of the stores ${describeList(dataSources)}. Use gids that differ between the stores; ` +
        'list(), retryAll() and cancelAll() reach both.',
    );
  }
}

/**
 * A job was started before any step was added to it.
 *
 * @publicApi
 */
export class JobHasNoStepsError extends SteppingError {
  constructor(/** The id of the job. */ readonly gid: string) {
    super(
      'JobHasNoStepsError',
      `Job '${gid}' has no steps. Call addStep() at least once before starting it.`,
    );
  }
}

/**
 * A job object was used again after it had been started, prepared or submitted.
 *
 * @publicApi
 */
export class JobAlreadyStartedError extends SteppingError {
  constructor(
    /** The id of the job. */
    readonly gid: string,
    /** The method that was called. */
    readonly attempted: 'start' | 'prepare' | 'submit' | 'addStep',
  ) {
    super(
      'JobAlreadyStartedError',
      `${attempted}() was called on job '${gid}', which has been started already. A job object is used once: ` +
        'create another job with createJob().',
    );
  }
}

/**
 * `submit()` was called on a job that was not prepared.
 *
 * @publicApi
 */
export class JobNotPreparedError extends SteppingError {
  constructor(/** The id of the job. */ readonly gid: string) {
    super(
      'JobNotPreparedError',
      `Job '${gid}' cannot be submitted before it is prepared. Await prepare() inside the transaction and call ` +
        'submit() after its commit, or use start().',
    );
  }
}

/**
 * The gid belongs to another job.
 *
 * @publicApi
 */
export class DuplicateGidError extends SteppingError {
  constructor(
    /** The gid that is taken. */
    readonly gid: string,
    /**
     * The job that has the gid: its status, the names of its steps, and whether it was started for another tenant, or in
     * a transaction of another database.
     */
    readonly existing: {
      readonly status: JobStatus;
      readonly steps: readonly string[];
      readonly otherTenant?: boolean;
    },
  ) {
    super(
      'DuplicateGidError',
      existing.otherTenant
        ? `A job with the gid '${gid}' exists already, and was started for another tenant or in another database. All ` +
            "tenants whose jobs are kept in one place share the gids: make the tenant part of the gid, as in 'acme:order-7'."
        : `A job with the gid '${gid}' exists already: it is ${existing.status} and has the steps ` +
            `${describeList(existing.steps)}. A gid can be started again only with the same steps and arguments, while ` +
            'its job lives or after it succeeded; use another gid, or DistributedJobs.retry() for a failed job.',
    );
  }
}

/**
 * There is no job of that gid, or it has been purged after its retention.
 *
 * @publicApi
 */
export class JobNotFoundError extends SteppingError {
  constructor(/** The gid that was asked for. */ readonly gid: string) {
    super(
      'JobNotFoundError',
      `There is no job with the gid '${gid}'. Check the gid; ended jobs are deleted when their 'retention' is over.`,
    );
  }
}

/**
 * A job cannot be retried or canceled, or its step not be skipped, in the state that it is in.
 *
 * @publicApi
 */
export class JobStateError extends SteppingError {
  constructor(
    /** The id of the job. */
    readonly gid: string,
    /** What was asked for. */
    readonly action: 'retry' | 'cancel' | 'skip',
    /** The status of the job. */
    readonly status: JobStatus,
    /** What else does not allow it; the status alone, if left out. */
    reason = `it is ${status}. ${advice(action, status)}`,
  ) {
    super('JobStateError', `Job '${gid}' cannot ${ACTIONS[action]}: ${reason}`);
  }
}

/**
 * New arguments of a step are checked by a process that provides it, and this one does not.
 *
 * @publicApi
 */
export class StepNotProvidedError extends SteppingError {
  constructor(
    /** The id of the job. */
    readonly gid: string,
    /** The name of the step. */
    readonly stepName: string,
  ) {
    super(
      'StepNotProvidedError',
      `Job '${gid}' cannot be given new arguments here: this process does not provide the step '${stepName}', so that it cannot ` +
        "check them. Call retry() with 'args' in a process that provides it.",
    );
  }
}

/**
 * The stored row of a job cannot be read: it was changed by hand, damaged by a restore, or written by another version. The
 * job is kept, and looked at again every few seconds.
 *
 * @publicApi
 */
export class UnreadableJobError extends SteppingError {
  constructor(
    /** What cannot be read. */
    readonly reason: string,
    options?: ErrorCause,
  ) {
    super(
      'UnreadableJobError',
      `The stored job cannot be read: ${reason}. Mend its row, cancel it, or run the version that wrote it.`,
      options,
    );
  }
}

const ACTIONS = { retry: 'be retried', cancel: 'be canceled', skip: 'go on without its step' } as const;

function advice(action: keyof typeof ACTIONS, status: JobStatus): string {
  if (status === 'prepared') return 'Its transaction decides whether it runs; wait for that first.';
  if (action === 'skip') return 'Only failed jobs, and those that wait, can go on without a step.';
  return action === 'retry'
    ? 'Only failed jobs can be retried; start a new job instead.'
    : 'Only submitted and failed jobs can be canceled.';
}
