/** Where a job comes from, as far as a transaction manager has stored it. A `DatabaseLookup` is one. */
export interface JobOrigin {
  /** The tenant in whose transaction it was started. */
  readonly tenant?: string | undefined;
  /** The database of that transaction; undefined outside any. */
  readonly dataSource?: string | undefined;
}

/**
 * Whether two starts of one gid may be one job. Never those of two tenants: each has a transaction of its own, whose steps
 * must run. Undefined is a start of no tenant.
 */
export function haveOneOrigin(left: JobOrigin | undefined, right: JobOrigin | undefined): boolean {
  if (left?.tenant !== right?.tenant) return false;
  const [one, other] = [left?.dataSource, right?.dataSource];
  return one === undefined || other === undefined || one === other;
}
