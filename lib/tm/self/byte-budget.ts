/** Which part of the budget one claim takes. */
const PARTS = 4;

/** How much the jobs of this process may take, as they are stored. */
export class ByteBudget {
  private held = 0;

  constructor(private readonly max: number) {}

  /** How much one claim takes. */
  get ofClaim(): number {
    return Math.ceil(this.max / PARTS);
  }

  /** What a job of a claim may take if it comes alone. Without other jobs here, a job of any size can run. */
  get ofLargest(): number | undefined {
    return this.held === 0 ? undefined : this.max - this.held;
  }

  get allowsClaim(): boolean {
    return this.held === 0 || this.max - this.held >= this.ofClaim;
  }

  allows(bytes: number): boolean {
    return this.held === 0 || this.held + bytes <= this.max;
  }

  hold(bytes: number): void {
    this.held += bytes;
  }

  release(bytes: number): void {
    this.held -= bytes;
  }
}
