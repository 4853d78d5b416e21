import { InvalidOptionError } from '../errors/index.js';
import { parseByteSize, type ByteSize } from './byte-size.js';
import { parseDuration, type Duration, type DurationRange } from './duration.js';

/** Checks the value of an option and returns what the library uses; `undefined` stands for an option left out. */
export type OptionReader<T> = (value: unknown, option: string) => T;

type Readers = Readonly<Record<string, OptionReader<unknown>>>;

/** The options that readers return: complete and checked. */
export type OptionsOf<R extends Readers> = { readonly [K in keyof R]: ReturnType<R[K]> };

/**
 * Reads options, each with the reader of its name.
 *
 * @param place Where the options are written, for errors; empty for the options of the module.
 * @throws InvalidOptionError for an unknown option, and for a value that its reader refuses.
 */
export function readOptions<R extends Readers>(given: unknown, place: string, readers: R): OptionsOf<R> {
  const names = Object.keys(readers);
  const values = given as Record<string, unknown>;
  refuseUnknown(values, place, names);
  const read = names.map((name) => [name, readers[name]!(values[name], at(place, name))]);
  return Object.fromEntries(read) as OptionsOf<R>;
}

/** A text in the place of options is often a URL or a key: the message does not tell it. */
function noOptions(given: unknown, where: string, expected: string): InvalidOptionError {
  const place = where || 'options';
  if (typeof given !== 'string') return new InvalidOptionError(place, given, expected);
  const message = `Invalid option '${place}': expected ${expected}, got a text.`;
  return new InvalidOptionError(place, given, expected, message);
}

/**
 * For options that are not read here: a name that is misspelled would be ignored.
 *
 * @throws InvalidOptionError for an option that is none of `names`, and for what is no object of options.
 */
export function refuseUnknown(given: object, place: string, names: readonly string[]): void {
  if (!isRecord(given)) throw noOptions(given, place, `an object with ${names.join(', ')}`);
  for (const name of Object.keys(given)) {
    if (!names.includes(name)) throw InvalidOptionError.unknown(at(place, name), names);
  }
}

/**
 * Before options are taken apart that are read in several places.
 *
 * @throws InvalidOptionError for what is no object of options.
 */
export function requireOptions(given: unknown, place: string): void {
  if (!isRecord(given)) throw noOptions(given, place, 'an object of options');
}

function at(place: string, name: string): string {
  return place === '' ? name : `${place}.${name}`;
}

/** An option that, where it is given, must pass a check. */
export function checkedOption<T, F = undefined>(
  accepts: (value: unknown) => boolean,
  expected: string,
  fallback?: F,
): OptionReader<T | F> {
  return (value, option) => {
    if (value === undefined) return fallback as F;
    if (accepts(value)) return value as T;
    throw new InvalidOptionError(option, value, expected);
  };
}

export function booleanOption(fallback: boolean): OptionReader<boolean> {
  return checkedOption((value) => typeof value === 'boolean', 'true or false', fallback);
}

export function integerOption<F extends number | undefined>(
  fallback: F,
  min: number,
  max: number,
): OptionReader<number | F> {
  const accepts = (value: unknown) => Number.isInteger(value) && Number(value) >= min && Number(value) <= max;
  return checkedOption<number, F>(accepts, `a whole number from ${min} to ${max}`, fallback);
}

/** A duration, in milliseconds. */
export function durationOption(fallback: Duration, range?: DurationRange): OptionReader<number> {
  return (value = fallback, option) => parseDuration(value, option, range);
}

const FIRST_DATE = Date.UTC(1970, 0, 1);
const LAST_DATE = Date.UTC(9999, 0, 1);

/** A date that every database knows. */
export function dateOption(): OptionReader<Date | undefined> {
  const accepts = (value: unknown) =>
    value instanceof Date && value.getTime() >= FIRST_DATE && value.getTime() <= LAST_DATE;
  return checkedOption(accepts, 'a valid Date of the years 1970 to 9998');
}

/** A size, in bytes. */
export function byteSizeOption(fallback: ByteSize, min: number, max: number): OptionReader<number> {
  return (value = fallback, option) => parseByteSize(value, option, min, max);
}

export function functionOption<T>(): OptionReader<T | undefined> {
  return checkedOption<T>((value) => typeof value === 'function', 'a function');
}

/** The entries of an object of texts, such as headers. The error does not show them: they may be secret. */
export function entriesOf(value: unknown, option: string): [name: string, value: unknown][] {
  if (value !== undefined && !isRecord(value)) {
    throw InvalidOptionError.hidden(option, value, 'an object of texts');
  }
  return Object.entries(value ?? {});
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
