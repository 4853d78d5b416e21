/** Work that never overlaps itself: callers that come while it is under way share its promise. */
export class SingleFlight<T = void> {
  private flight: Promise<T> | undefined;

  constructor(private readonly work: () => Promise<T>) {}

  get running(): boolean {
    return this.flight !== undefined;
  }

  /** Joins the flight, or starts one. */
  run(): Promise<T> {
    return (this.flight ??= this.work().finally(() => (this.flight = undefined)));
  }

  /** Resolves when the flight is over; rejects as it does. */
  async landed(): Promise<void> {
    await this.flight;
  }
}
