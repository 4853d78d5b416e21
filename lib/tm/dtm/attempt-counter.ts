/** How many steps are counted at a time, at most. */
const MAX_COUNTED = 10_000;

/**
 * Counts the attempts of steps in this process, since DTM sends no number. Another process, and this one after a
 * restart, starts again at 1.
 */
export class AttemptCounter {
  private readonly attempts = new Map<string, number>();

  next(key: string): number {
    const attempt = (this.attempts.get(key) ?? 0) + 1;
    // Moved to the end, so that the least recently called step is dropped first.
    this.attempts.delete(key);
    this.attempts.set(key, attempt);
    if (this.attempts.size > MAX_COUNTED) this.attempts.delete(this.attempts.keys().next().value!);
    return attempt;
  }

  /** Undoes `next()` for an attempt that was interrupted. */
  takeBack(key: string): void {
    const attempts = this.attempts.get(key) ?? 0;
    if (attempts <= 1) this.attempts.delete(key);
    else this.attempts.set(key, attempts - 1);
  }

  forget(key: string): void {
    this.attempts.delete(key);
  }
}
