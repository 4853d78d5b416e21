/** How many claims in vain notifications may cause in a row. */
const BURST = 10;
/** After these, there may be one more in so many milliseconds. */
const PAUSE_MS = 50;

/**
 * How often notifications may cause a claim.
 *
 * Claims that find jobs are as many as there are jobs. Claims in vain are counted: a few are natural, since a job wakes every
 * process that listens, and one of them gets it. More of them are spread over time. A single notification after a quiet
 * time never waits.
 */
export class NotifiedClaims {
  private left = BURST;
  private countedAt = -Infinity;

  /** Milliseconds until a notification may cause a claim. Not the same for all processes, or all would claim at once. */
  pause(now = performance.now()): number {
    this.refill(now);
    return this.left >= 1 ? 0 : (1 - this.left) * PAUSE_MS * (0.5 + Math.random());
  }

  /** A claim that a notification has caused has ended. */
  ended(found: boolean, now = performance.now()): void {
    this.refill(now);
    this.left = found ? Math.min(BURST, this.left + 1) : this.left - 1;
  }

  private refill(now: number): void {
    this.left = Math.min(BURST, this.left + (now - this.countedAt) / PAUSE_MS);
    this.countedAt = now;
  }
}
