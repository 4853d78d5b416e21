import type { AuditAction } from '../../core/jobs/job-operations.js';

/** What somebody has done, as it is written. */
export interface NewAuditEntry {
  readonly action: AuditAction;
  readonly gid: string | null;
  readonly step: string | null;
  readonly by: string | null;
  readonly reason: string | null;
  /** How many jobs were changed. */
  readonly count: number;
  /** JSON, encoded where the application has a codec and it holds arguments. */
  readonly detail: string | null;
}

/** An entry about a step, of all its jobs. */
export function stepEntry(
  action: AuditAction,
  step: string,
  reason: string | null,
  by: string | null = null,
): NewAuditEntry {
  return { action, gid: null, step, reason, by, count: 0, detail: null };
}

/** An entry as it is stored. */
export interface AuditRecord extends NewAuditEntry {
  /** Later entries have greater ones. */
  readonly id: string;
  readonly at: Date;
}

/** An entry, without what it holds. */
export interface SizedAuditEntry {
  readonly id: string;
  /** In bytes, of its detail as it is stored. */
  readonly size: number;
}

export interface AuditQuery {
  readonly gid?: string;
  readonly step?: string;
  readonly action?: AuditAction;
  readonly by?: string;
  readonly limit: number;
  /** Only entries whose id is less than this one. */
  readonly before?: string;
}

/**
 * Keeps what was done by hand. Times are the store's own.
 *
 * @internal Internal to the library: it changes without notice.
 */
export abstract class AuditStore {
  /** Writes one entry; returns its id. */
  abstract add(entry: NewAuditEntry): Promise<string>;
  /** What `list()` would tell, by their sizes: details may hold arguments of megabytes. One more than `limit` when others follow. */
  abstract sizes(query: AuditQuery): Promise<SizedAuditEntry[]>;
  /** The newest first, up to `limit`. */
  abstract list(query: AuditQuery): Promise<AuditRecord[]>;
  /** Deletes up to `limit` entries that are older than `retention` ms; false when none of the oldest was. */
  abstract purge(retention: number, limit: number): Promise<boolean>;
  /** Forgets the details of jobs that are purged. */
  abstract forget(gids: readonly string[]): Promise<void>;
}
