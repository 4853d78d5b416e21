/** A timer that comes so much too late was kept from running. */
const NOTICEABLE_MS = 50;

/**
 * Calls `expire` when so many milliseconds are over, unless the returned function is called before. While the event loop is blocked, no
 * answer is read: as long as that took, but no longer than `milliseconds`, is added once, so that nobody's time is spent by others.
 */
export function workingTime(milliseconds: number, expire: () => void): () => void {
  const dueAt = performance.now() + milliseconds;
  let timer = setTimeout(() => {
    const late = performance.now() - dueAt;
    if (late < NOTICEABLE_MS) expire();
    else timer = setTimeout(expire, Math.min(late, milliseconds));
  }, milliseconds);
  return () => clearTimeout(timer);
}
