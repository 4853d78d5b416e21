import type { DataSourceLike } from '../../core/transactions/typeorm.types.js';
import type { TransactionGate } from '../dialect.js';

/** How long the event loop may be kept busy without a turn for timers and sockets. */
const LONGEST_BREATH_MS = 20;

/**
 * Lets the transactions of one SQLite `DataSource` run one after the other.
 *
 * Such a `DataSource` is one connection: a second `BEGIN` on it fails, and any statement that slips
 * in while a transaction is open becomes part of it. Whoever runs inside the transaction that holds the gate
 * must pass by it, or it would wait for itself.
 */
export class SerialGate implements TransactionGate {
  private tail: Promise<void> = Promise.resolve();
  private waiting = 0;
  private breathedAt = performance.now();

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
      await this.breathe();
      return await work();
    } finally {
      this.waiting -= 1;
      leave();
    }
  }

  /**
   * better-sqlite3 is synchronous: transactions one after the other, each a chain of promises, may keep timers
   * and sockets waiting without end, and with them the renewal of leases.
   */
  private async breathe(): Promise<void> {
    if (performance.now() - this.breathedAt < LONGEST_BREATH_MS) return;
    await new Promise((resolve) => setImmediate(resolve));
    this.breathedAt = performance.now();
  }
}

const gates = new WeakMap<DataSourceLike, SerialGate>();

/** The one gate of a `DataSource`, whoever asks. */
export function serialGateOf(dataSource: DataSourceLike): SerialGate {
  let gate = gates.get(dataSource);
  if (!gate) gates.set(dataSource, (gate = new SerialGate()));
  return gate;
}
