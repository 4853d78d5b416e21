/** What can be woken: the recovery of this process, and the processes that listen. */
export interface Wakeable {
  /** Looks for due jobs now, or in so many milliseconds. */
  wake(delay: number): void;
}

/**
 * Tells those who may run a job that one has come which this process does not run from memory. Polling finds it
 * all the same; this is about milliseconds.
 */
export class JobWaker {
  private readonly listeners = new Set<Wakeable>();

  add(listener: Wakeable): void {
    this.listeners.add(listener);
  }

  /** @param delay milliseconds until the job is due. */
  wake(delay: number): void {
    for (const listener of this.listeners) listener.wake(delay);
  }
}
