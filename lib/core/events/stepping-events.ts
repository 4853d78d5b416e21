/**
 * What `@OnSteppingEvent()` is told, by event. `event` is there for a method that gets several.
 *
 * @publicApi
 */
export interface SteppingEvents {
  /** The transaction of a job has committed, and this process has started it. */
  'job.started': {
    readonly event: 'job.started';
    /** The id of the job. */
    readonly gid: string;
    readonly name: string | null;
    /** How many milliseconds later the job is due. */
    readonly delayMs: number;
  };
  /** The last step has succeeded, or was skipped by hand, and that is stored. */
  'job.succeeded': {
    readonly event: 'job.succeeded';
    /** The id of the job. */
    readonly gid: string;
  };
  /** The job has failed for good, and that is stored. */
  'job.failed': {
    readonly event: 'job.failed';
    /** The id of the job. */
    readonly gid: string;
    /** The name that is stored with the job, which may be an alias. */
    readonly stepName: string;
    /** The place of the step in its job, from 0. */
    readonly stepIndex: number;
    /** How many attempts of the step were made. */
    readonly attempts: number;
    /** What the last attempt has thrown. */
    readonly error: unknown;
  };
  /** `DistributedJobs.cancel()` or `cancelAll()` has canceled the job. */
  'job.canceled': {
    readonly event: 'job.canceled';
    /** The id of the job. */
    readonly gid: string;
  };
  /** This process has claimed a job whose process has lost its lease. */
  'job.taken-over': {
    readonly event: 'job.taken-over';
    /** The id of the job. */
    readonly gid: string;
    readonly stepName: string | null;
    /** An attempt had begun, so far as that is stored. */
    readonly crashed: boolean;
  };
  /** A step has succeeded, and that is stored. */
  'attempt.succeeded': {
    readonly event: 'attempt.succeeded';
    /** The id of the job. */
    readonly gid: string;
    /** The name that is stored with the job, which may be an alias. */
    readonly stepName: string;
    /** The place of the step in its job, from 0. */
    readonly stepIndex: number;
    /** From 1. */
    readonly attempt: number;
    /** How many milliseconds the attempt took. */
    readonly tookMs: number;
  };
  /** An attempt has failed. */
  'attempt.failed': {
    readonly event: 'attempt.failed';
    /** The id of the job. */
    readonly gid: string;
    /** The name that is stored with the job, which may be an alias. */
    readonly stepName: string;
    /** The place of the step in its job, from 0. */
    readonly stepIndex: number;
    /** From 1. */
    readonly attempt: number;
    /** How many milliseconds the attempt took. */
    readonly tookMs: number;
    readonly error: unknown;
    /** `null` when no attempt follows; undefined at DTM, which does not tell. */
    readonly nextAttemptInMs: number | null | undefined;
  };
  /** Jobs wait for a step that no process provides. Told once for each name. */
  'step.unknown': {
    readonly event: 'step.unknown';
    readonly stepName: string;
  };
  /** This process begins no attempt of the step any more. Told in each process that has learned of it. */
  'step.paused': {
    readonly event: 'step.paused';
    readonly stepName: string;
    /** `pause`: somebody has paused it. `brake`: it has failed too often. */
    readonly kind: 'pause' | 'brake';
    readonly reason: string | null;
    /** Who paused it, if that was told. */
    readonly by: string | null;
    /** When it ends by itself; `null` when somebody has to resume the step. */
    readonly until: Date | null;
  };
  /** So many attempts of the step have failed that the brake warns, or pauses it. Told in the process that has found it out. */
  'step.braked': {
    readonly event: 'step.braked';
    readonly stepName: string;
    readonly action: 'warn' | 'pause';
    /** Attempts over all processes in the window. */
    readonly attempts: number;
    readonly failed: number;
    /** How long the step is paused, in milliseconds; `null` where it is not. */
    readonly pauseMs: number | null;
  };
  /** This process begins attempts of the step again. Told in each process that has learned of it. */
  'step.resumed': {
    readonly event: 'step.resumed';
    readonly stepName: string;
  };
  /** The job store cannot be reached, so no due job is claimed. It keeps trying. */
  'recovery.stopped': {
    readonly event: 'recovery.stopped';
    readonly error: unknown;
  };
  /** The job store is reached again. */
  'recovery.resumed': {
    readonly event: 'recovery.resumed';
  };
}

/**
 * The name of an event.
 *
 * @publicApi
 */
export type SteppingEventName = keyof SteppingEvents;

const NAMES: Readonly<Record<SteppingEventName, true>> = {
  'job.started': true,
  'job.succeeded': true,
  'job.failed': true,
  'job.canceled': true,
  'job.taken-over': true,
  'attempt.succeeded': true,
  'attempt.failed': true,
  'step.unknown': true,
  'step.paused': true,
  'step.resumed': true,
  'step.braked': true,
  'recovery.stopped': true,
  'recovery.resumed': true,
};

export const STEPPING_EVENT_NAMES = Object.keys(NAMES) as readonly SteppingEventName[];
