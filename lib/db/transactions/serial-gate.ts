/**
 * Lets the transactions of one SQLite `DataSource` run one after the other.
 *
 * Such a `DataSource` is one connection: a second `BEGIN` on it fails, and any statement that slips
 * in while a transaction is open becomes part of it. `owned` is the caller's way to say that it runs
 * inside the transaction that holds the gate: it must pass straight through, or it would wait for itself.
 */
export class SerialGate {
  private tail: Promise<void> = Promise.resolve();
  private waiting = 0;

  /** True while nobody holds the gate or waits for it. */
  get idle(): boolean {
    return this.waiting === 0;
  }

  /** Runs `work` when everyone who came before has left. */
  async run<T>(work: () => Promise<T> | T): Promise<T> {
    const previous = this.tail;
    let leave!: () => void;
    this.tail = new Promise<void>((resolve) => (leave = resolve));
    this.waiting += 1;
    try {
      await previous;
      return await work();
    } finally {
      this.waiting -= 1;
      leave();
    }
  }
}
