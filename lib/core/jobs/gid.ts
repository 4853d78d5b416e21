import { randomUUID } from 'node:crypto';
import { InvalidGidError } from '../../errors/index.js';

/** DTM stores gids in columns of this width. */
const MAX_GID_LENGTH = 128;
const GID = /^[A-Za-z0-9._:-]+$/;
/** The start of a UUID of version 7. */
const OWN_GID = /^[0-9a-f]{8}-[0-9a-f]{4}-7/;
/** The time in such a UUID has 48 bits. */
const LATEST_TIME = 2 ** 48 - 1;
/** Before the first version of the library. */
const FIRST_TIME = Date.UTC(2025, 0, 1);
/** By which clocks may differ. */
const A_DAY = 24 * 3_600_000;

/**
 * A new gid: a lower-case UUID of version 7. Its leading time keeps the primary key's inserts together
 * and lets jobs be listed, and swept, in the order of their creation. Nothing depends on that order.
 */
export function newGid(): string {
  return `${timePrefix(Date.now())}-7${randomUUID().slice(15)}`;
}

/**
 * The smallest gid that `newGid()` can return `milliseconds` after it returned `gid`. Undefined for a gid of the
 * caller's own.
 */
export function gidsLaterThan(gid: string, milliseconds: number): string | undefined {
  if (!OWN_GID.test(gid)) return undefined;
  const time = Number.parseInt(gid.slice(0, 8) + gid.slice(9, 13), 16) + Math.ceil(milliseconds);
  return timePrefix(Math.min(time, LATEST_TIME));
}

/** Gids from `from` up to and without `to`. */
export interface GidRange {
  readonly from: string;
  readonly to: string;
}

/** Where the gids lie that `newGid()` has returned. Hardly another gid does, since the range is as narrow as can be. */
export function rangeOfOwnGids(): GidRange {
  return { from: timePrefix(FIRST_TIME), to: timePrefix(Date.now() + A_DAY) };
}

function timePrefix(time: number): string {
  const digits = time.toString(16).padStart(12, '0');
  return `${digits.slice(0, 8)}-${digits.slice(8)}`;
}

/** Returns the caller's own gid, or throws `InvalidGidError`. */
export function checkGid(gid: unknown): string {
  const problem = problemOf(gid);
  if (problem !== undefined) throw new InvalidGidError(gid, problem);
  return gid as string;
}

/** Whether a job can have this gid. Looking up anything else would make a database fail, or scan the table. */
export function isGid(gid: string): boolean {
  return problemOf(gid) === undefined;
}

function problemOf(gid: unknown): string | undefined {
  if (typeof gid !== 'string') return 'it is no string';
  if (gid.length === 0) return 'it is empty';
  if (gid.length > MAX_GID_LENGTH) return `it has ${gid.length} characters, ${MAX_GID_LENGTH} are allowed`;
  return GID.test(gid) ? undefined : 'only letters, digits and . _ : - are allowed';
}
