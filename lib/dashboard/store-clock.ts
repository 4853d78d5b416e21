/** What is told of the store may be so old, so that less says nothing about its clock. */
const TOLERANCE_MS = 10_000;

/** The time of the store, as far as it is known here: jobs are dated by it. */
export class StoreClock {
  private ahead = 0;

  now(): Date {
    return new Date(Date.now() + this.ahead);
  }

  /** The store has said what time it is, at most some seconds ago. */
  told(at: Date): void {
    const ahead = at.getTime() - Date.now();
    this.ahead = Math.abs(ahead) > TOLERANCE_MS ? ahead : 0;
  }
}
