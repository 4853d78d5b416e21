/** Because larger statements cost more per row to parse, and hold their locks for longer. */
const LARGEST = 500;
/** Milliseconds in which a batch is begun that was too small. */
const FAST = 100;
/** Milliseconds after which a job that waits here had better be left to another process. */
const SLOW = 1000;

/**
 * How many jobs a claim takes: many while they are begun as fast as they come, since a claim is a round trip; few
 * where steps are slow, since another process may have nothing to do.
 */
export class ClaimPace {
  private readonly smallest: number;
  private current: number;
  private lastFull = -Infinity;
  private begunThen = 0;

  /** @param least how many jobs run at a time. */
  constructor(least: number) {
    this.smallest = Math.min(LARGEST, least);
    this.current = this.smallest;
  }

  get size(): number {
    return this.current;
  }

  /**
   * With no more claimed jobs than these waiting, the next claim is due: it comes while they are begun. Where that goes
   * fast, the next one follows at once, so that the database does not wait for this process.
   */
  get due(): number {
    return this.current > this.smallest ? this.current : this.current / 2;
  }

  /**
   * A claim has just brought as many jobs as it asked for.
   *
   * @param begun how many claimed jobs have been begun, ever.
   */
  full(begun: number, now = performance.now()): void {
    const took = now - this.lastFull;
    const passed = begun - this.begunThen;
    this.lastFull = now;
    this.begunThen = begun;
    if (took < FAST && passed >= this.current / 2) this.current = Math.min(LARGEST, this.current * 2);
    else if (took > SLOW) this.current = Math.max(this.smallest, Math.ceil(this.current / 2));
  }
}
