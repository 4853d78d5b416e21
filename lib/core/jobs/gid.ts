import { randomUUID } from 'node:crypto';
import { InvalidGidError } from '../../errors/index.js';

/** The longest gid: DTM keeps it in columns of this width. */
const MAX_GID_LENGTH = 128;
const GID = /^[A-Za-z0-9._:-]+$/;

/**
 * A new gid: a lower-case UUID of version 7. Its leading time keeps the primary key's inserts together
 * and lets jobs be listed, and swept, in the order of their creation. Nothing depends on that order.
 */
export function newGid(): string {
  const random = randomUUID();
  const time = Date.now().toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random.slice(15)}`;
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
