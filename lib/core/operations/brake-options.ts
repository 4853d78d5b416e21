import { InvalidOptionError } from '../../errors/index.js';
import type { Duration } from '../duration.js';
import { checkedOption, durationOption, integerOption, readOptions, type OptionsOf } from '../options.js';

/**
 * When a step fails so often that something is wrong with what it uses, and what is done about it.
 *
 * Attempts are counted for each step over all processes, from a first failure on and since the last release. Attempts that failed with
 * `UnrecoverableStepError` are left out: they say something about their job. So are those of jobs that this process was told to retry by
 * hand. A step that does not fail costs nothing.
 *
 * @publicApi
 */
export interface BrakeOptions {
  /**
   * `'warn'`: one line of the log and the event `step.braked`, once in each window. `'pause'`: also, the step is paused in all processes.
   * After the pause, one job makes one attempt: if that fails, the next pause is twice as long; if it succeeds, the step is released, and
   * each process begins with one attempt at a time. Default: `'warn'`.
   */
  readonly action?: 'warn' | 'pause';
  /** Which part of the attempts must have failed, above 0 and up to 1. Default: 0.5. */
  readonly ratio?: number;
  /** How many attempts must have ended. Default: 20. */
  readonly of?: number;
  /** In how long a time. Default: 1 min. */
  readonly within?: Duration;
  /** How long the first pause is. Default: 30 s. */
  readonly pause?: Duration;
  /** How long a pause is at most. Default: 10 min. */
  readonly max?: Duration;
}

const HOUR_MS = 3600 * 1000;
const DAY_MS = 24 * HOUR_MS;

const OPTIONS = {
  action: checkedOption<'warn' | 'pause', 'warn'>(
    (value) => value === 'warn' || value === 'pause',
    "'warn' or 'pause'",
    'warn',
  ),
  ratio: checkedOption<number, number>(
    (value) => typeof value === 'number' && value > 0 && value <= 1,
    'a number above 0 and up to 1',
    0.5,
  ),
  of: integerOption(20, 2, 10_000),
  within: durationOption('1m', { min: 1000, max: HOUR_MS }),
  pause: durationOption('30s', { min: 100, max: DAY_MS }),
  max: durationOption('10m', { min: 100, max: DAY_MS }),
};

/** The settings after the check. Durations are milliseconds. */
export type ResolvedBrakeOptions = OptionsOf<typeof OPTIONS>;

/** @throws InvalidOptionError for an unknown option, or a value that cannot be used. */
export function brakeOption(given: unknown, option: string): ResolvedBrakeOptions | false {
  if (given === false) return false;
  const brake = readOptions(given ?? {}, option, OPTIONS);
  if (brake.max < brake.pause) {
    throw new InvalidOptionError(`${option}.max`, brake.max, `at least 'pause', which is ${brake.pause} ms`);
  }
  return brake;
}
