import type { ClaimRequest } from './job-store.js';

/** A claim is not bounded by the size of its jobs. */
export const ANY_SIZE = Number.MAX_SAFE_INTEGER;

/** How many of the jobs, whose sizes are in the order of the claim, fit into it. */
export function fittingJobs(
  sizes: readonly number[],
  { maxBytes = ANY_SIZE, maxLone = ANY_SIZE }: Pick<ClaimRequest, 'maxBytes' | 'maxLone'>,
): number {
  let total = 0;
  for (const [at, size] of sizes.entries()) {
    total += size;
    if (total > maxBytes) return at === 0 && size <= maxLone ? 1 : at;
  }
  return sizes.length;
}
