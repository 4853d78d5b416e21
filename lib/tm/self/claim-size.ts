/** Larger statements cost more per row to parse, and hold their locks for longer. */
const LARGEST = 500;
/** A batch that began within this many milliseconds was too small. */
const FAST = 100;
/** After this many milliseconds, a job that waits here had better be left to another process. */
const SLOW = 1000;

/**
 * How many jobs a claim takes. Many where steps are quick, since a claim is a round trip; few where steps are slow, since
 * another process may be idle.
 */
export class ClaimSize {
  private readonly smallest: number;
  private size: number;
  private lastFull = -Infinity;
  private begunThen = 0;

  constructor(concurrency: number) {
    this.smallest = Math.min(LARGEST, concurrency);
    this.size = this.smallest;
  }

  get current(): number {
    return this.size;
  }

  /** The next claim is made when this many claimed jobs wait, or fewer: half a batch, or a whole one where steps are quick. */
  get threshold(): number {
    return this.size > this.smallest ? this.size : this.size / 2;
  }

  /**
   * Call it when a claim was full.
   *
   * @param begun how many claimed jobs have begun, ever.
   */
  adapt(begun: number, now = performance.now()): void {
    const took = now - this.lastFull;
    const passed = begun - this.begunThen;
    this.lastFull = now;
    this.begunThen = begun;
    if (took < FAST && passed >= this.size / 2) this.size = Math.min(LARGEST, this.size * 2);
    else if (took > SLOW) this.size = Math.max(this.smallest, Math.ceil(this.size / 2));
  }
}
