/** Lets only so many pieces of work run at once; the others wait for their turn. */
export class Turns {
  private readonly waiting: (() => void)[] = [];
  private closed = false;

  constructor(private places: number) {}

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.places === 0) await new Promise<void>((resolve) => this.waiting.push(resolve));
    else this.places--;
    try {
      if (this.closed) throw new Error('not begun: the matrix was interrupted');
      return await work();
    } finally {
      const next = this.waiting.shift();
      if (next) next();
      else this.places++;
    }
  }

  /** What has not begun fails. */
  close(): void {
    this.closed = true;
  }
}
