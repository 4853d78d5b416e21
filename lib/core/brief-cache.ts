import { SingleFlight } from './single-flight.js';

/** Work whose result serves everybody who asks within some time after it: many watchers cost as much as one. */
export class BriefCache<T> {
  private until = -Infinity;
  private result: Promise<T> | undefined;
  private readonly working: SingleFlight<T>;

  constructor(
    work: () => Promise<T>,
    /** Milliseconds. Of failures as well: a database in trouble is not asked more often. */
    private readonly keep: number,
  ) {
    this.working = new SingleFlight(() => work().finally(() => (this.until = performance.now() + this.keep)));
  }

  get(): Promise<T> {
    if (this.result && !this.working.running && performance.now() < this.until) return this.result;
    return (this.result = this.working.run());
  }
}
