import { errorText } from '../../errors/error-text.js';
import { UnreadableJobError } from '../../errors/index.js';
import { parseDuration, type Duration } from '../duration.js';
import { isRecord, readOptions } from '../options.js';
import { readRetryOptions, type Backoff, type RetryPolicyOptions } from './retry-policy.js';

/**
 * What one job wants of one of its steps: `addStep(TheStep, args, { timeout: '5s' })`. It is stored with the step, and holds for every
 * attempt of it, in whatever process.
 *
 * @publicApi
 */
export interface StepOverrides {
  /**
   * When a failed attempt is repeated. The options are laid over those of the step, or of the module where the step has none, one by
   * one; over a function they are laid on the module's options. On DTM it has no meaning: DTM decides.
   */
  readonly retry?: RetryPolicyOptions;
  /**
   * The longest that an attempt may take, instead of the step's own `timeout`: at least 1 ms.
   *
   * @default that of the step
   */
  readonly timeout?: Duration;
}

/**
 * `StepOverrides` as they are stored: checked, plain JSON, with times in milliseconds.
 *
 * @publicApi
 */
export interface StoredOverrides {
  /** What was given of the retry policy. */
  readonly retry?: {
    /** Milliseconds. */
    readonly delay?: number;
    /** At least 1. */
    readonly factor?: number;
    /** Milliseconds. */
    readonly maxDelay?: number;
    /** Whether the wait is random. */
    readonly jitter?: boolean;
    /** At least 1; `null` for no limit. */
    readonly maxAttempts?: number | null;
  };
  /** Milliseconds. */
  readonly timeout?: number;
}

/** What holds for the attempts of one step of one job. */
export interface ReadOverrides {
  readonly retry?: Partial<Backoff>;
  /** Milliseconds. */
  readonly timeout?: number;
}

/**
 * What is stored of overrides; undefined where they override nothing.
 *
 * @param place Where they are written, for errors.
 * @throws InvalidOptionError.
 */
export function storedOverrides(given: unknown, place: string): StoredOverrides | undefined {
  if (given === undefined) return undefined;
  const { retry, timeout } = checked(given, place);
  if (retry === undefined && timeout === undefined) return undefined;
  // JSON has no Infinity.
  const stored = retry?.maxAttempts === Infinity ? { ...retry, maxAttempts: null } : retry;
  return { ...(stored && { retry: stored }), ...(timeout !== undefined && { timeout }) };
}

/**
 * Reads what `storedOverrides()` has made, from wherever it was stored.
 *
 * @throws UnreadableJobError for anything else: it was changed by hand, or written by another version.
 */
export function readOverrides(stored: unknown): ReadOverrides {
  if (stored === undefined) return NONE;
  try {
    return checked(withInfinity(stored), 'overrides');
  } catch (error) {
    throw new UnreadableJobError(`the overrides of its step are none: ${errorText(error)}`);
  }
}

const NONE: ReadOverrides = {};

const READERS = {
  retry: (value: unknown, option: string): Partial<Backoff> | undefined => {
    const retry = value === undefined ? {} : readRetryOptions(value, option);
    return Object.keys(retry).length === 0 ? undefined : retry;
  },
  timeout: (value: unknown, option: string): number | undefined =>
    value === undefined ? undefined : parseDuration(value, option, { min: 1 }),
};

function checked(given: unknown, place: string): ReadOverrides {
  const { retry, timeout } = readOptions(given, place, READERS);
  return { ...(retry && { retry }), ...(timeout !== undefined && { timeout }) };
}

function withInfinity(stored: unknown): unknown {
  if (!isRecord(stored) || !isRecord(stored.retry) || stored.retry.maxAttempts !== null) return stored;
  return { ...stored, retry: { ...stored.retry, maxAttempts: Infinity } };
}
