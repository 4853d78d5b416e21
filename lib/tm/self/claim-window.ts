/** How much further a claim looks back than the last one got, for jobs that took a moment to be committed. */
const OVERLAP_MS = 1000;
/** A full scan is followed by narrow claims for this many times its duration. */
const PAUSE_PER_SCAN = 20;
/** A scan may be slow for another reason, and older jobs must not wait for minutes. */
const LONGEST_PAUSE_MS = 30_000;

/** A claim that has returned. Times are by `performance.now()`. */
export interface EndedClaim {
  /** What it was sent with. */
  readonly dueWithin: number | undefined;
  readonly sentAt: number;
  readonly endedAt: number;
  /** Age of the newest claimed job; undefined unless the claim was full. */
  readonly newestAge: number | undefined;
}

/**
 * How far back a claim looks for due jobs.
 *
 * A job that was claimed, renewed or ended leaves a dead entry in the index. Databases with row versions keep these while any
 * older transaction is open, and a claim scans all of them: 34 ms for 200,000 on PostgreSQL. So all due jobs are scanned only
 * while that is quick, or once in a while; the other claims look back to where the last one stopped.
 */
export class ClaimWindow {
  private claimedUntil = -Infinity;
  private nextScanAt = -Infinity;

  /** For `ClaimRequest.dueWithin`; undefined for a full scan. */
  dueWithin(now = performance.now()): number | undefined {
    return now >= this.nextScanAt ? undefined : now - this.claimedUntil + OVERLAP_MS;
  }

  ended({ dueWithin, sentAt, endedAt, newestAge }: EndedClaim): void {
    if (dueWithin === undefined) {
      this.nextScanAt = sentAt + Math.min((endedAt - sentAt) * PAUSE_PER_SCAN, LONGEST_PAUSE_MS);
    }
    this.claimedUntil = sentAt - (newestAge ?? 0);
  }
}

/** Of prepared jobs, which every claim takes; no step has this name. */
const PREPARED = '';

/** A claim may leave steps out, so each has a window of its own. */
export class ClaimWindows {
  private readonly windows = new Map<string, ClaimWindow>();

  /** For a claim of these steps: the widest of their windows. */
  dueWithin(steps: readonly string[], now?: number): number | undefined {
    let widest = this.of(PREPARED).dueWithin(now);
    for (const step of steps) {
      if (widest === undefined) return undefined;
      const dueWithin = this.of(step).dueWithin(now);
      widest = dueWithin === undefined ? undefined : Math.max(widest, dueWithin);
    }
    return widest;
  }

  ended(steps: readonly string[], claim: EndedClaim): void {
    this.of(PREPARED).ended(claim);
    for (const step of steps) this.of(step).ended(claim);
  }

  /** The next claim of these steps looks at everything that is due. */
  forget(steps: Iterable<string>): void {
    for (const step of steps) this.windows.delete(step);
  }

  private of(step: string): ClaimWindow {
    let window = this.windows.get(step);
    if (!window) this.windows.set(step, (window = new ClaimWindow()));
    return window;
  }
}
