import { parseDuration, type Duration } from '../../core/duration.js';
import { InvalidOptionError } from '../../errors/index.js';

/**
 * Reads a duration that goes to DTM, which counts in whole seconds.
 *
 * @param range Seconds, both ends included.
 * @throws InvalidOptionError for one that is no whole number of seconds, rather than to wait longer or shorter
 * than was written.
 */
export function wholeSeconds(
  value: Duration,
  option: string,
  { min, max }: { readonly min: number; readonly max: number },
): number {
  const milliseconds = parseDuration(value, option, { min: min * 1000, max: max * 1000 });
  if (milliseconds % 1000 === 0) return milliseconds / 1000;
  throw new InvalidOptionError(
    option,
    value,
    "a whole number of seconds, such as 2000 or '2s': DTM knows no fractions",
  );
}
