/** In a failover, new connections may reach the old primary for a while. */
const PAUSE_MS = 5_000;
/** A read that looks like one of these does no harm: connections are replaced once more. */
const WRITES = /^\s*(?:insert|update|delete|with)\b/i;

/**
 * Replaces all connections of a pool when one of them has turned out to be to a server that takes no writes: the others are to
 * the same server, and nobody closes them.
 *
 * At once; then every five seconds while writes are refused; with the first write that succeeds, since the connections of
 * meanwhile may be to the old primary; and five seconds later.
 */
export class PoolRenewal {
  /** By `performance.now()`. */
  private nextAt: number | undefined;
  private replacesAgain = false;
  private refusing = false;

  /** @param replace closes the connections that are idle now, and the others when they are given back. */
  constructor(private readonly replace: () => void) {}

  /** The server has refused a statement since it takes no writes. */
  refused(): void {
    this.refusing = true;
    this.replacesAgain = true;
    if (this.nextAt === undefined) this.run();
  }

  /** A statement has succeeded. */
  succeeded(sql: string): void {
    if (!this.refusing || !WRITES.test(sql)) return;
    this.refusing = false;
    this.replacesAgain = true;
    this.run();
  }

  /** To be called now and then. */
  tick(): void {
    if (this.nextAt !== undefined && performance.now() >= this.nextAt) this.run();
  }

  private run(): void {
    this.nextAt = this.replacesAgain ? performance.now() + PAUSE_MS : undefined;
    this.replacesAgain = false;
    this.replace();
  }
}
