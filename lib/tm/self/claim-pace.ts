/** Because larger statements cost more per row to parse, and hold their locks for longer. */
const LARGEST = 500;
/** Milliseconds in which a batch is begun that was small. */
const FAST = 100;
/** Milliseconds after which a job that waits here had better be left to another process. */
const SLOW = 1000;

/**
 * How many jobs a claim takes: many while they are begun as fast as they come, since a claim is a round trip; few
 * where steps are slow, since another process may have nothing to do.
 */
export class ClaimPace {
  private current: number;
  private lastFull = -Infinity;

  /** @param least how many jobs run at a time. */
  constructor(private readonly least: number) {
    this.current = this.smallest;
  }

  get size(): number {
    return this.current;
  }

  /** A claim has just brought as many jobs as it asked for, and the one before them has been begun. */
  full(now = performance.now()): void {
    const took = now - this.lastFull;
    this.lastFull = now;
    if (took < FAST) this.current = Math.min(LARGEST, this.current * 2);
    else if (took > SLOW) this.current = Math.max(this.smallest, Math.ceil(this.current / 2));
  }

  private get smallest(): number {
    return Math.min(LARGEST, this.least);
  }
}
