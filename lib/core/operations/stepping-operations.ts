import { OperationUnsupportedError, type SteppingError } from '../../errors/index.js';
import type { Duration } from '../duration.js';
import type { ActionNote } from './action-note.js';
import type {
  FailureGroups,
  FleetHealth,
  FleetOverview,
  ProcessInfo,
  StepNumbers,
  Timeline,
  TimelineQuery,
  TimeRange,
} from './fleet-numbers.js';

/**
 * Why a step is paused, and for how long.
 *
 * @publicApi
 */
export interface PauseOptions extends ActionNote {
  /** Why; whoever looks at the step reads it. */
  readonly reason: string;
  /** When it ends by itself: a time, or a duration from now. Default: when somebody resumes it. */
  readonly until?: Date | Duration;
}

/**
 * When waiting is too long.
 *
 * @publicApi
 */
export interface HealthOptions {
  /** How long a due job may wait until the fleet is degraded. Steps that are paused do not count. Default: 5 min. */
  readonly degradedAfter?: Duration;
}

/**
 * The fleet: what all processes of the application do together, and what steers them. Inject it where the application is
 * operated; the transaction manager provides it.
 *
 * Every call is bounded in rows and in time. Numbers of processes and attempts are information: whatever they say, leases alone
 * decide who runs a job. A manager that cannot answer throws `OperationUnsupportedError`.
 *
 * @publicApi
 */
export abstract class SteppingOperations {
  /** The state of the fleet at a glance. */
  overview(): Promise<FleetOverview> {
    return unsupported('overview');
  }

  /**
   * Every step that a process provides, that was counted in the range, or that due jobs stand at.
   *
   * @throws InvalidOptionError for a range that cannot be.
   */
  steps(_range?: TimeRange): Promise<readonly StepNumbers[]> {
    return unsupported('steps');
  }

  /**
   * Counts over time.
   *
   * @throws InvalidOptionError for a range that cannot be, or that is longer than 90 days.
   */
  timeline(_query?: TimelineQuery): Promise<Timeline> {
    return unsupported('timeline');
  }

  /**
   * 1,000 failed jobs, grouped by step and error: the last by gid. Half are the newest of those whose gid the library made, half are those with
   * the greatest other gids; either fills up what the other leaves.
   */
  failures(): Promise<FailureGroups> {
    return unsupported('failures');
  }

  /** The processes that are alive, are stopping, or have gone without a word in the last day. None with `monitoring: false`. */
  processes(): Promise<readonly ProcessInfo[]> {
    return unsupported('processes');
  }

  /** Whether somebody looks for due jobs, and nothing waits for too long. It never throws for a store that is away. */
  health(_options?: HealthOptions): Promise<FleetHealth> {
    return unsupported('health');
  }

  /** The numbers in Prometheus' text format. Gauges are about the whole fleet: aggregate them with `max`. */
  prometheus(): Promise<string> {
    return unsupported('prometheus');
  }

  /**
   * Lets no attempt of the step begin, in any process, within a heartbeat (10 s; on PostgreSQL at once). Attempts that run go on. Jobs
   * wait, and use up no attempts. Pausing a step again replaces reason and end. Where jobs are stored in several databases, the step is
   * paused in each of them for its own jobs; when one cannot be reached the others obey, and the call fails. A step that no live process provides is
   * paused as well, and the log tells so.
   *
   * @throws InvalidOptionError for a name that cannot be one, without a reason, or for an end that has passed.
   */
  pause(_step: string, _options: PauseOptions): Promise<void> {
    return unsupported('pause');
  }

  /** Ends a pause, or a brake. Resolves to false when the step was not paused. */
  resume(_step: string, _note?: ActionNote): Promise<boolean> {
    return unsupported('resume');
  }

  /**
   * @internal Why an operation is not possible, or has nothing to tell; undefined where it has. It asks nobody, and changes nothing.
   */
  refusalOf(operation: FleetOperation): { readonly message: string } | undefined {
    return this[operation] === SteppingOperations.prototype[operation] ? errorOf(operation) : undefined;
  }
}

/** @internal What can be asked of the fleet. */
export type FleetOperation = Exclude<keyof SteppingOperations, 'refusalOf'>;

/** Of a transaction manager that provides none. */
export class NoOperations extends SteppingOperations {}

function unsupported(operation: FleetOperation): Promise<never> {
  return Promise.reject(errorOf(operation));
}

function errorOf(operation: FleetOperation): SteppingError {
  return new OperationUnsupportedError(`SteppingOperations.${operation}()`);
}
