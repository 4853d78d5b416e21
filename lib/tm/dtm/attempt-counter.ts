/** As many steps at a time are being repeated, at most, whose attempts are counted. */
const MAX_COUNTED = 10_000;

/**
 * Counts the attempts of steps that this process has seen: DTM sends no number. Another process, and this one
 * after a restart, begins anew.
 */
export class AttemptCounter {
  private readonly attempts = new Map<string, number>();

  next(key: string): number {
    const attempt = (this.attempts.get(key) ?? 0) + 1;
    // Put last again, so that the one that is dropped is the one that has been quiet longest.
    this.attempts.delete(key);
    this.attempts.set(key, attempt);
    if (this.attempts.size > MAX_COUNTED) this.attempts.delete(this.attempts.keys().next().value!);
    return attempt;
  }

  /** The attempt did not count: it was interrupted. */
  takeBack(key: string): void {
    const attempts = this.attempts.get(key) ?? 0;
    if (attempts <= 1) this.attempts.delete(key);
    else this.attempts.set(key, attempts - 1);
  }

  forget(key: string): void {
    this.attempts.delete(key);
  }
}
