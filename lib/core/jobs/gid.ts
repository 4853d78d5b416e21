import { randomUUID } from 'node:crypto';
import { InvalidGidError } from '../../errors/index.js';

/** The longest gid: DTM keeps it in columns of this width. */
const MAX_GID_LENGTH = 128;
const GID = /^[A-Za-z0-9._:-]+$/;
/** The beginning of a UUID of version 7. */
const OWN_GID = /^[0-9a-f]{8}-[0-9a-f]{4}-7/;
/** The time of such a UUID has 48 bits. */
const LATEST_TIME = 2 ** 48 - 1;

/**
 * A new gid: a lower-case UUID of version 7. Its leading time keeps the primary key's inserts together
 * and lets jobs be listed, and swept, in the order of their creation. Nothing depends on that order.
 */
export function newGid(): string {
  return `${timePrefix(Date.now())}-7${randomUUID().slice(15)}`;
}

/**
 * Where the gids begin, in their order, that `newGid()` makes so many milliseconds after it has made `gid`. Undefined when it
 * has not made that one.
 */
export function gidsLaterThan(gid: string, milliseconds: number): string | undefined {
  if (!OWN_GID.test(gid)) return undefined;
  const time = Number.parseInt(gid.slice(0, 8) + gid.slice(9, 13), 16) + Math.ceil(milliseconds);
  return timePrefix(Math.min(time, LATEST_TIME));
}

function timePrefix(time: number): string {
  const digits = time.toString(16).padStart(12, '0');
  return `${digits.slice(0, 8)}-${digits.slice(8)}`;
}

/** Returns the caller's own gid, or throws `InvalidGidError`. */
export function checkGid(gid: unknown): string {
  if (typeof gid !== 'string') throw new InvalidGidError(gid, 'it is no string');
  if (gid.length === 0) throw new InvalidGidError(gid, 'it is empty');
  if (gid.length > MAX_GID_LENGTH) {
    throw new InvalidGidError(gid, `it has ${gid.length} characters, ${MAX_GID_LENGTH} are allowed`);
  }
  if (!GID.test(gid)) throw new InvalidGidError(gid, 'only letters, digits and . _ : - are allowed');
  return gid;
}

/** Whether a job may have this gid. What is no gid need not be looked for: databases would fail, or scan the table. */
export function isGid(gid: string): boolean {
  try {
    checkGid(gid);
    return true;
  } catch {
    return false;
  }
}
