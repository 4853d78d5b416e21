/**
 * Jobs whose step is still at work here although their lease is lost. This process begins no other attempt of them
 * meanwhile.
 */
export class UnsettledAttempts {
  private readonly attempts = new Map<string, { readonly until: number }>();

  /** @param until by `performance.now()`: when the attempt's own time is over, settled or not. */
  add(gid: string, settled: Promise<unknown>, until: number): void {
    const attempt = { until };
    this.attempts.set(gid, attempt);
    const remove = (): void => {
      if (this.attempts.get(gid) === attempt) this.attempts.delete(gid);
    };
    settled.then(remove, remove);
  }

  has(gid: string): boolean {
    if (this.attempts.size === 0) return false;
    const attempt = this.attempts.get(gid);
    if (attempt === undefined) return false;
    if (performance.now() < attempt.until) return true;
    // It may never settle.
    this.attempts.delete(gid);
    return false;
  }
}
