/** How much further back than to where the last claim has come: for jobs whose transactions take a moment. */
const OVERLAP_MS = 1000;
/** A claim of all that is due, and the pause after it, take so many times as long as the claim alone. */
const PAUSE_PER_WHOLE = 20;
/** Because a claim may have taken long for another reason, and what lies further back must not wait for minutes. */
const LONGEST_PAUSE_MS = 30_000;

/** A claim that has come back. Times are by `performance.now()`. */
export interface EndedClaim {
  /** What it was sent with. */
  readonly dueWithin: number | undefined;
  readonly sentAt: number;
  readonly endedAt: number;
  /** For how long the last one to become due had been due, if it was as many as were asked for; all are claimed otherwise. */
  readonly lastDueFor: number | undefined;
}

/**
 * How far back a claim looks for due jobs.
 *
 * A job that has been claimed, renewed or ended leaves an entry in the index where it was due before. Databases with
 * versions of rows keep these for as long as any transaction is open that began earlier, and a claim walks over all of them: 34 ms
 * for 200,000 on PostgreSQL. So a claim of all that is due is made only where it is quick, or has not been made for long;
 * the others begin a second before where the last one has stopped.
 */
export class ClaimHorizon {
  private claimedUntil = -Infinity;
  private wholeFrom = -Infinity;

  /** For `ClaimRequest.dueWithin`. */
  dueWithin(now = performance.now()): number | undefined {
    return now >= this.wholeFrom ? undefined : now - this.claimedUntil + OVERLAP_MS;
  }

  ended({ dueWithin, sentAt, endedAt, lastDueFor }: EndedClaim): void {
    if (dueWithin === undefined) {
      this.wholeFrom = sentAt + Math.min((endedAt - sentAt) * PAUSE_PER_WHOLE, LONGEST_PAUSE_MS);
    }
    this.claimedUntil = sentAt - (lastDueFor ?? 0);
  }
}
