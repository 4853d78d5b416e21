import { MAX_STORED_DURATION_MS, parseDuration, type Duration, type DurationRange } from '../duration.js';
import { booleanOption, checkedOption, durationOption, readOptions } from '../options.js';

/**
 * When a failed attempt of a step is repeated: options, or a function that is given the number of the
 * attempt that failed, from 1, and its error, and answers how long to wait, or `false` to fail the job.
 *
 * A function that throws, or answers anything else, does not lose the job: the wait is then the one of the
 * default options, and the problem is logged.
 *
 * @publicApi
 */
export type RetryPolicy = RetryPolicyOptions | ((attempt: number, error: unknown) => Duration | false);

/**
 * Waits that grow by a factor. The wait after attempt `n` is `delay * factor ** (n - 1)`, at most `maxDelay`.
 *
 * @publicApi
 */
export interface RetryPolicyOptions {
  /**
   * The wait after the first attempt.
   *
   * @default '1s'
   */
  readonly delay?: Duration;
  /**
   * How much longer each wait is than the one before it; at least 1.
   *
   * @default 2
   */
  readonly factor?: number;
  /**
   * The longest wait.
   *
   * @default '10m'
   */
  readonly maxDelay?: Duration;
  /**
   * Waits a random time between 0 and the wait computed, so that jobs that failed together are not
   * repeated together.
   *
   * @default true
   */
  readonly jitter?: boolean;
  /**
   * The number of attempts, the first one included, after which the job fails.
   *
   * @default no limit
   */
  readonly maxAttempts?: number;
}

/** A retry policy that has been checked and filled with defaults. */
export interface ResolvedRetryPolicy {
  /** `Infinity` without a limit; a function decides by itself. */
  readonly maxAttempts: number;
  readonly isFunction: boolean;
  /** What answers where a function cannot, and what a step's options are laid over. */
  readonly backoff: Backoff;
  /**
   * The wait in milliseconds after attempt `attempt` failed with `error`; `false`: the job has failed.
   * Never throws: a policy function that does, or answers nonsense, is told to `onInvalid` and replaced by
   * the exponential wait.
   */
  nextDelay(attempt: number, error: unknown, onInvalid?: (problem: unknown) => void): number | false;
}

const DEFAULT_BACKOFF = {
  delay: 1000,
  factor: 2,
  maxDelay: 10 * 60 * 1000,
  jitter: true,
  maxAttempts: Infinity,
};

/** Checked options; times in milliseconds. */
export type Backoff = Readonly<typeof DEFAULT_BACKOFF>;

// The waits are stored as due dates, so that no timer limits them.
const RANGE: DurationRange = { max: MAX_STORED_DURATION_MS };

/**
 * Checks a policy. Options that are left out come from `defaults`, the module's policy, or from the
 * library.
 *
 * @param option Where the policy was written, for errors.
 * @throws InvalidOptionError.
 */
export function resolveRetryPolicy(
  policy: RetryPolicy | undefined,
  option: string,
  defaults?: ResolvedRetryPolicy,
): ResolvedRetryPolicy {
  const base = defaults?.backoff ?? DEFAULT_BACKOFF;
  if (policy === undefined) return defaults ?? exponential(base);
  if (typeof policy === 'function') return computed(policy, option, base);
  return exponential(readOptions(policy, option, optionsOver(base)));
}

/**
 * Checks options, and returns those that were given; times in milliseconds.
 *
 * @throws InvalidOptionError.
 */
export function readRetryOptions(given: unknown, option: string): Partial<Backoff> {
  const read = readOptions(given, option, optionsOver(DEFAULT_BACKOFF));
  const isGiven = (name: string): boolean => (given as Record<string, unknown>)[name] !== undefined;
  return Object.fromEntries(Object.entries(read).filter(([name]) => isGiven(name)));
}

function optionsOver(base: Backoff) {
  return {
    delay: durationOption(base.delay, RANGE),
    factor: checkedOption<number, number>(
      (value) => Number.isFinite(value) && Number(value) >= 1,
      'a number of at least 1',
      base.factor,
    ),
    maxDelay: durationOption(base.maxDelay, RANGE),
    jitter: booleanOption(base.jitter),
    // Infinity removes a limit of the module.
    maxAttempts: checkedOption<number, number>(
      (value) => value === Infinity || (Number.isSafeInteger(value) && Number(value) >= 1),
      'a whole number of at least 1, or Infinity',
      base.maxAttempts,
    ),
  };
}

function exponential(backoff: Backoff): ResolvedRetryPolicy {
  return {
    maxAttempts: backoff.maxAttempts,
    isFunction: false,
    backoff,
    nextDelay: (attempt) => (attempt >= backoff.maxAttempts ? false : wait(attempt, backoff)),
  };
}

function computed(
  policy: (attempt: number, error: unknown) => Duration | false,
  option: string,
  base: Backoff,
): ResolvedRetryPolicy {
  const backoff = { ...base, maxAttempts: Infinity };
  return {
    maxAttempts: backoff.maxAttempts,
    isFunction: true,
    backoff: base,
    nextDelay(attempt, error, onInvalid) {
      try {
        const answer: unknown = policy(attempt, error);
        // An async function's answer is refused below; its rejection must not end the process.
        if (answer instanceof Promise) answer.catch(() => undefined);
        return answer === false ? false : parseDuration(answer, `${option}()`, RANGE);
      } catch (problem) {
        onInvalid?.(problem);
        return wait(attempt, backoff);
      }
    },
  };
}

function wait(attempt: number, { delay, factor, maxDelay, jitter }: Backoff): number {
  if (delay === 0) return 0;
  // factor ** 5000 is Infinity, which the cap takes care of.
  const capped = Math.min(delay * factor ** (attempt - 1), maxDelay);
  return Math.floor(jitter ? Math.random() * capped : capped);
}
