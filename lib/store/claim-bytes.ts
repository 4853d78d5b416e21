import type { ClaimRequest } from './job-store.js';

/** A claim is not bounded by the size of its jobs. */
export const ANY_SIZE = Number.MAX_SAFE_INTEGER;

/** Adds up the sizes of jobs, in the order of the claim. */
export class ClaimBytes {
  private total = 0;
  private readonly maxBytes: number;
  private readonly maxLone: number;

  constructor({ maxBytes = ANY_SIZE, maxLone = ANY_SIZE }: Pick<ClaimRequest, 'maxBytes' | 'maxLone'>) {
    this.maxBytes = maxBytes;
    this.maxLone = maxLone;
  }

  /** How many more it takes. */
  get left(): number {
    return this.maxBytes - this.total;
  }

  /** Whether the claim takes the next job. After one that does not fit, it takes no more. */
  takes(size: number): boolean {
    const isFirst = this.total === 0;
    this.total += size;
    return this.total <= this.maxBytes || (isFirst && size <= this.maxLone);
  }
}
