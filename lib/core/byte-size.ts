import { InvalidOptionError } from '../errors/index.js';

/**
 * A number of bytes, or a text such as `'512kB'`, `'64MB'` or `'1GB'`. A kB is 1024 bytes, as in Nest's body limits.
 *
 * @publicApi
 */
export type ByteSize = number | string;

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

const TEXT = /^(\d+(?:\.\d+)?)\s?([kmg]?)b$/i;

/**
 * Reads a size, in whole bytes.
 *
 * @param option Where the value comes from, for the error.
 * @throws InvalidOptionError when the value is no size or out of range.
 */
export function parseByteSize(value: unknown, option: string, min: number, max: number): number {
  const bytes = Math.round(toBytes(value));
  // Written so that NaN fails as well.
  if (bytes >= min && bytes <= max) return bytes;
  throw new InvalidOptionError(
    option,
    value,
    `a size from ${min} to ${max} bytes: a number of bytes, or a text such as '512kB', '64MB' or '1GB'`,
  );
}

function toBytes(value: unknown): number {
  if (typeof value === 'number') return value;
  const match = typeof value === 'string' ? TEXT.exec(value.trim()) : null;
  return match ? Number(match[1]) * UNITS[match[2]!.toLowerCase()]! : Number.NaN;
}
