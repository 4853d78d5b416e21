/** Counts what is under way, for those who wait until all of it has ended. */
export class WaitGroup {
  private count = 0;
  private waiting: (() => void)[] = [];

  /** Counts `work`, which is called at once, until it settles. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    this.add();
    try {
      return await work();
    } finally {
      this.done();
    }
  }

  /** Something begins that tells its end by `done()`. */
  add(): void {
    this.count += 1;
  }

  done(): void {
    this.count -= 1;
    if (this.count === 0) for (const resolve of this.waiting.splice(0)) resolve();
  }

  /** Resolves when nothing is under way. */
  async wait(): Promise<void> {
    while (this.count > 0) await new Promise<void>((resolve) => this.waiting.push(resolve));
  }
}
