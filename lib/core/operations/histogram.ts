import type { DurationNumbers } from './fleet-numbers.js';

/** Each bin is twice as wide as the one before. */
export const BINS = 32;
/** The first bin holds what took less than this, in milliseconds. The last one begins after three days. */
const FIRST_MS = 1 / 8;

/** The bin of a duration in milliseconds. */
export function binOf(milliseconds: number): number {
  const units = milliseconds / FIRST_MS;
  return units >= 2 ** (BINS - 2) ? BINS - 1 : 32 - Math.clz32(units);
}

/** Where a bin ends, in milliseconds; the last one has no end. */
export function endOfBin(bin: number): number {
  return bin === BINS - 1 ? Infinity : FIRST_MS * 2 ** bin;
}

/** As text: `bin:count` of those that are not empty. */
export function encodeBins(bins: ArrayLike<number>): string {
  const filled: string[] = [];
  for (let bin = 0; bin < BINS; bin += 1) if (bins[bin]! > 0) filled.push(`${bin}:${bins[bin]}`);
  return filled.join();
}

/** Adds what `encodeBins()` has written. Whatever else a row may hold is left out. */
export function addBins(bins: number[], text: string): void {
  if (text === '') return;
  for (const entry of text.split(',')) {
    const [bin, count] = entry.split(':').map(Number);
    if (bin! >= 0 && bin! < BINS && count! > 0) bins[bin!]! += count!;
  }
}

export function noBins(): number[] {
  return Array.from({ length: BINS }, () => 0);
}

/** @param sumMs of the `count` durations; the bins may hold fewer. */
export function durationNumbers(bins: readonly number[], sumMs: number, count: number): DurationNumbers {
  return {
    meanMs: count === 0 ? null : sumMs / count,
    p50Ms: percentile(bins, 0.5),
    p95Ms: percentile(bins, 0.95),
    p99Ms: percentile(bins, 0.99),
  };
}

/** Between the ends of its bin by its place there; both lie within a factor of two, so it is right within its root or so. */
function percentile(bins: readonly number[], share: number): number | null {
  const all = bins.reduce((sum, count) => sum + count, 0);
  if (all === 0) return null;
  let left = share * all;
  const bin = bins.findIndex((count) => (left -= count) <= 0);
  const place = 1 + left / bins[bin]!;
  if (bin === 0) return FIRST_MS * place;
  const start = endOfBin(bin - 1);
  return start * 2 ** place;
}
