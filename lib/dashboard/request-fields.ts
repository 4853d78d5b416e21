import { HttpStatus } from '@nestjs/common';
import { isRecord } from '../core/options.js';
import { DashboardRequestError } from './dashboard.errors.js';

/** Reads one field of a request; `undefined` stands for one that was left out. */
export type FieldReader<T> = (value: unknown, name: string) => T;

type Readers = Readonly<Record<string, FieldReader<unknown>>>;

/** What readers return. */
export type Fields<R extends Readers> = { readonly [K in keyof R]: ReturnType<R[K]> };

/**
 * Reads a body, or a query as the framework has parsed it. What a request sends is not repeated in the error: it may be a secret.
 *
 * @throws DashboardRequestError for anything else than an object with these fields.
 */
export function readFields<R extends Readers>(given: unknown, readers: R): Fields<R> {
  if (!isRecord(given)) throw invalid('The request has no fields: send a JSON object.');
  const names = Object.keys(readers);
  if (Object.keys(given).some((name) => !names.includes(name))) {
    throw invalid(`The request has a field that is not known. There are: ${names.join(', ') || 'none'}.`);
  }
  const read = names.map((name) => [name, readers[name]!(ownOf(given, name), name)]);
  return Object.fromEntries(read) as Fields<R>;
}

/** The same for a query: parameters without a value count as left out. */
export function readQuery<R extends Readers>(
  query: Readonly<Record<string, unknown>>,
  readers: R,
): Fields<R> {
  return readFields(Object.fromEntries(Object.entries(query).filter(([, value]) => value !== '')), readers);
}

/** A text of at most `max` characters, none of them NUL. */
export function text(max: number): FieldReader<string | undefined> {
  return optional(
    (value): value is string =>
      typeof value === 'string' && value.length > 0 && value.length <= max && !value.includes('\0'),
    `a text of 1 to ${max} characters without NUL`,
  );
}

export function oneOf<T extends string>(...values: readonly T[]): FieldReader<T | undefined> {
  return optional((value): value is T => values.includes(value as T), `one of ${values.join(', ')}`);
}

export const flag: FieldReader<boolean | undefined> = optional(
  (value): value is boolean => typeof value === 'boolean',
  'true or false',
);

export function wholeNumber(min: number, max: number): FieldReader<number | undefined> {
  return optional(
    (value): value is number => Number.isInteger(value) && Number(value) >= min && Number(value) <= max,
    `a whole number from ${min} to ${max}`,
  );
}

/** A whole number as a query carries it. */
export function digits(min: number, max: number): FieldReader<number | undefined> {
  const number = wholeNumber(min, max);
  return (value, name) => {
    const isNumber = typeof value === 'string' && /^\d{1,9}$/.test(value);
    return number(isNumber ? Number(value) : value === undefined ? value : null, name);
  };
}

const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2})$/;
const FIRST_YEAR = 1970;
const LAST_YEAR = 9998;

/** A point in time, in ISO 8601. */
export const instant: FieldReader<Date | undefined> = (value, name) => {
  if (value === undefined) return undefined;
  const date = typeof value === 'string' && INSTANT.test(value) ? new Date(value) : undefined;
  const year = date?.getUTCFullYear() ?? Number.NaN;
  if (year >= FIRST_YEAR && year <= LAST_YEAR) return date;
  throw invalid(`'${name}' must be a time such as 2026-01-31T12:00:00Z.`);
};

/** Whatever JSON can say. */
export const anything: FieldReader<unknown> = (value) => value;

/** A field that must be there. */
export function required<T>(reader: FieldReader<T | undefined>): FieldReader<T> {
  return (value, name) => {
    const read = reader(value, name);
    if (read === undefined) throw invalid(`'${name}' is missing.`);
    return read;
  };
}

export function invalid(message: string): DashboardRequestError {
  return new DashboardRequestError(HttpStatus.BAD_REQUEST, 'INVALID_REQUEST', message);
}

function optional<T>(accepts: (value: unknown) => value is T, expected: string): FieldReader<T | undefined> {
  return (value, name) => {
    if (value === undefined || accepts(value)) return value;
    throw invalid(`'${name}' must be ${expected}.`);
  };
}

function ownOf(record: Readonly<Record<string, unknown>>, name: string): unknown {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}
