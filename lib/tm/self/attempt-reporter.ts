import type { SteppingEventBus } from '../../core/events/event-bus.js';
import type { SteppingEvents } from '../../core/events/stepping-events.js';
import { LineLogger } from '../../core/line-logger.js';
import { isInstance } from '../../errors/error-text.js';
import { StepAbandonedError } from '../../errors/index.js';
import type { Payloads } from '../../core/payloads/payloads.js';
import type { LeasedJob } from './leased-job.js';
import type { AttemptCounters } from './monitoring/attempt-counters.js';

/** An attempt of a job's current step. */
export interface ReportedAttempt {
  readonly job: LeasedJob;
  /** From 1. */
  readonly attempt: number;
  /** By `performance.now()`. */
  readonly startedAt: number;
}

/** Who looks at how attempts end. */
export interface AttemptWatch {
  succeeded(job: LeasedJob): void;
  failed(job: LeasedJob, error: unknown): void;
}

/** Counts what came of attempts, and tells the log and those who listen. */
export class AttemptReporter {
  private readonly logger = new LineLogger('SteppingJob');

  constructor(
    private readonly events: SteppingEventBus,
    private readonly payloads: Payloads,
    private readonly counters: AttemptCounters,
    private readonly watch?: AttemptWatch,
  ) {}

  /** @param delay until the next attempt, in milliseconds; `false` when none follows. */
  failed(reported: ReportedAttempt, error: unknown, delay: number | false, what = 'failed'): void {
    const { job, startedAt } = reported;
    const took = tookOf(reported);
    this.counters.failed(job.stepName, took, startedAt - job.dueAt, delay === false);
    // That it ended with its process is noticed when the job is claimed again, so it tells nothing of the present.
    if (!isInstance(error, StepAbandonedError)) this.watch?.failed(reported.job, error);
    this.log(reported, what, error, delay, took);
    const nextAttemptInMs = delay === false ? null : delay;
    this.events.emit({ event: 'attempt.failed', ...factsOf(reported, took), error, nextAttemptInMs });
  }

  /** @param delay until the job is looked at again, in milliseconds. */
  unreadable(gid: string, why: string, delay: number): void {
    this.logger.error(`Job ${gid} cannot run, and is looked at again in ${delay} ms: ${why}`);
  }

  /** One structured line; never the arguments, which may hold secrets. */
  log(
    reported: ReportedAttempt,
    what: string,
    error: unknown,
    delay: number | false,
    took = tookOf(reported),
  ): void {
    const { job, attempt } = reported;
    this.logger.warn({
      message: `Step ${job.stepName} of job ${job.gid} ${what}`,
      gid: job.gid,
      step: job.stepName,
      stepIndex: job.stepIndex,
      attempt,
      tookMs: Math.round(took),
      nextAttemptInMs: delay === false ? null : Math.round(delay),
      error: this.payloads.loggable(error),
    });
  }

  /**
   * Reads the job now, since it goes on to its next step; what is returned is to be called when the success is stored. Called once for
   * each attempt that has succeeded, with nothing to spare: it counts.
   * Undefined, as nearly always, where nobody listens.
   */
  success(job: LeasedJob, startedAt: number, isLast: boolean): ((stored: boolean) => void) | undefined {
    const { events, counters } = this;
    const took = tookOf({ startedAt });
    counters.succeeded(job.stepName, took, startedAt - job.dueAt, isLast);
    this.watch?.succeeded(job);
    if (!events.wants('attempt.succeeded') && !events.wants('job.succeeded')) return undefined;
    const { gid } = job;
    const facts = factsOf({ job, attempt: job.attempt }, took);
    return (stored) => {
      if (!stored) return;
      events.emit({ event: 'attempt.succeeded', ...facts });
      if (isLast) events.emit({ event: 'job.succeeded', gid });
    };
  }
}

/** Read once for an attempt, so that the log, the events and the counts tell the same. */
function tookOf({ startedAt }: Pick<ReportedAttempt, 'startedAt'>): number {
  return performance.now() - startedAt;
}

function factsOf(
  { job, attempt }: Omit<ReportedAttempt, 'startedAt'>,
  took: number,
): Omit<SteppingEvents['attempt.succeeded'], 'event'> {
  const { gid, stepName, stepIndex } = job;
  return { gid, stepName, stepIndex, attempt, tookMs: Math.round(took) };
}
