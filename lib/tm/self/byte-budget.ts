/** Which part of the budget one claim takes. */
const PARTS = 4;

/** How much the jobs of this process may take, as they are stored. */
export class ByteBudget {
  private held = 0;
  /** What claims that are under way may bring. */
  private claimed = 0;

  constructor(
    private readonly max: number,
    /** So many may claim at once. */
    private readonly stores = 1,
  ) {}

  /** How much one claim takes. Those of all stores together leave room, also where their databases do not answer. */
  get ofClaim(): number {
    return Math.ceil(this.max / PARTS / this.stores);
  }

  /** What a job of a claim may take if it comes alone. Without other jobs here, a job of any size can run. */
  get ofLargest(): number | undefined {
    return this.held === 0 ? undefined : this.max - this.held;
  }

  get allowsClaim(): boolean {
    const taken = this.held + this.claimed;
    return taken === 0 || this.max - taken >= this.ofClaim;
  }

  allows(bytes: number): boolean {
    const taken = this.held + this.claimed;
    return taken === 0 || taken + bytes <= this.max;
  }

  /** Jobs that are started while `claim` runs must not take what it may bring. */
  async claiming<T>(claim: () => Promise<T>): Promise<T> {
    this.claimed += this.ofClaim;
    try {
      return await claim();
    } finally {
      this.claimed -= this.ofClaim;
    }
  }

  hold(bytes: number): void {
    this.held += bytes;
  }

  release(bytes: number): void {
    this.held -= bytes;
  }
}
