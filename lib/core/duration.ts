import { InvalidOptionError } from '../errors/index.js';

/**
 * A length of time: milliseconds, or a text such as `'250ms'`, `'30s'`, `'1.5m'`, `'2h'` or `'7d'`.
 *
 * @publicApi
 */
export type Duration = number | string;

/** The shortest and the longest duration allowed, in milliseconds. `max` is by default what a timer can wait. */
export interface DurationRange {
  readonly min?: number;
  readonly max?: number;
}

/** The longest time a timer of Node can wait, about 24.8 days; a longer one would fire at once. */
export const MAX_TIMER_MS = 2_147_483_647;

/**
 * The longest time that makes sense for what is stored as a due date, 100 years: every supported database
 * can add it to its clock.
 */
export const MAX_STORED_DURATION_MS = 100 * 365 * 24 * 60 * 60 * 1000;

const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60 * 1000,
  h: 60 * 60 * 1000,
  d: 24 * 60 * 60 * 1000,
};

const TEXT = /^(\d+(?:\.\d+)?)\s?(ms|s|m|h|d)$/;

/**
 * Reads a duration, in whole milliseconds.
 *
 * @param option Where the value comes from, for the error.
 * @throws InvalidOptionError when the value is no duration or out of range.
 */
export function parseDuration(
  value: unknown,
  option: string,
  { min = 0, max = MAX_TIMER_MS }: DurationRange = {},
): number {
  const milliseconds = Math.round(toMilliseconds(value));
  // Written so that NaN fails as well.
  if (milliseconds >= min && milliseconds <= max) return milliseconds;
  throw new InvalidOptionError(
    option,
    value,
    `a duration from ${min} to ${max} ms: a number of milliseconds, or a text such as '250ms', '30s', '10m', '2h' or '7d'`,
  );
}

function toMilliseconds(value: unknown): number {
  if (typeof value === 'number') return value;
  const match = typeof value === 'string' ? TEXT.exec(value.trim()) : null;
  if (!match) return Number.NaN;
  return Number(match[1]) * UNITS[match[2]!]!;
}
