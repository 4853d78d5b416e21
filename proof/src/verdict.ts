/** Counts that must be 0, whatever was done to the application. */
export const FORBIDDEN = [
  'lost',
  'unfinished',
  'ranThoughRolledBack',
  'stepsMissing',
  'bookingsDoubled',
  'bookingsMissing',
  'outOfOrder',
  'overlaps',
  'forbiddenTransitions',
  'fencesBroken',
  'errorsInCommitted',
  'lateQueries',
  'leasesLeft',
  'attemptsWasted',
  'pausesBroken',
  'skipsBroken',
  'editsBroken',
  'unasked',
  'eventsLost',
  'billedTwice',
  'billedThoughRolledBack',
] as const;

export type Forbidden = (typeof FORBIDDEN)[number];

/** Why a non-transactional step ran more than once. */
export type RepeatReason = 'killed' | 'paused' | 'lease lost' | 'failed' | 'shut down' | 'other';

export interface Recovery {
  readonly count: number;
  /** Milliseconds from the death of the process to the next step of its job. */
  readonly median: number;
  readonly p99: number;
  readonly max: number;
  /** Lease duration and recovery interval. */
  readonly bound: number;
}

/** What the checker found. */
export interface Verdict {
  readonly forbidden: Readonly<Record<Forbidden, number>>;
  readonly asked: number;
  readonly committed: number;
  readonly rolledBack: number;
  /** Errors that reached the client about transactions that did not commit, by their text. */
  readonly errors: Readonly<Record<string, number>>;
  /** Never answered, because the process died first. */
  readonly unanswered: number;
  readonly transactionalSteps: number;
  readonly plainSteps: number;
  readonly plainRepeated: number;
  readonly repeatedBecause: Readonly<Partial<Record<RepeatReason, number>>>;
  /** Steps that were running in a process paused for longer than its lease, or after their signal. */
  readonly zombieOverlaps: number;
  /** COMMITs whose answer was lost because of the attack itself. */
  readonly commitAnswersLost: number;
  /** Jobs without a transaction that were started although `start()` reported an unknown outcome. */
  readonly startAnswersLost: number;
  readonly transitions: number;
  readonly recovery: Recovery | undefined;
  readonly recoveryTimes: readonly number[];
  /** The first few of each kind. */
  readonly violations: readonly string[];
}

/** Whether the jobs went on within the patience of the attack, by its own figures. */
export function inTime(figures: Readonly<{ settled?: unknown }>): boolean {
  return figures.settled !== false;
}

export function isClean(verdict: Verdict): boolean {
  return FORBIDDEN.every((kind) => verdict.forbidden[kind] === 0);
}

export function summarize(times: readonly number[], bound: number): Recovery | undefined {
  if (times.length === 0) return undefined;
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share: number): number =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!);
  return { count: sorted.length, median: at(0.5), p99: at(0.99), max: at(1), bound };
}
