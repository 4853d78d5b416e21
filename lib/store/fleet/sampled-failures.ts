import type { GidRange } from '../../core/jobs/gid.js';
import type { FailedRow } from './fleet-store.js';

/** Of these, those that `FleetStore.failures()` tells. */
export function sampledFailures(
  rows: readonly FailedRow[],
  limit: number,
  { from, to }: GidRange,
): FailedRow[] {
  const sorted = rows.toSorted((a, b) => (a.gid < b.gid ? 1 : -1));
  const isInside = ({ gid }: FailedRow) => gid >= from && gid < to;
  const inside = sorted.filter(isInside);
  const others = sorted.filter((row) => !isInside(row));
  const share = Math.max(Math.ceil(limit / 2), limit - others.length);
  const taken = inside.slice(0, share);
  return [...taken, ...others.slice(0, limit - taken.length)].sort(
    (a, b) => b.endedAt.getTime() - a.endedAt.getTime(),
  );
}
