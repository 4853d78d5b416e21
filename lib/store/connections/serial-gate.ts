import { EventLoopTurns } from '../../core/event-loop-turns.js';
import type { DataSourceLike } from '../../core/transactions/typeorm.types.js';

/**
 * Runs the transactions of a `DataSource` one after the other, where it is a single connection (SQLite).
 *
 * A second `BEGIN` on that connection fails, and any statement that is sent while a transaction is open becomes part of
 * it. Code inside the transaction that holds the gate must bypass the gate, or it would wait for itself.
 */
export class SerialGate {
  private tail: Promise<void> = Promise.resolve();
  private waiting = 0;
  private readonly turns = new EventLoopTurns();

  /** Nobody holds the gate or waits for it. */
  get idle(): boolean {
    return this.waiting === 0;
  }

  /** Runs `work` after everybody who came before. */
  async run<T>(work: () => Promise<T> | T): Promise<T> {
    const previous = this.tail;
    let leave!: () => void;
    this.tail = new Promise<void>((resolve) => (leave = resolve));
    this.waiting += 1;
    try {
      await previous;
      await this.giveWay();
      return await work();
    } finally {
      this.waiting -= 1;
      leave();
    }
  }

  /** The driver is synchronous, so statements in a row may keep timers and sockets waiting. */
  giveWay(): Promise<void> {
    return this.turns.giveWay();
  }
}

const gates = new WeakMap<DataSourceLike, SerialGate>();

/** The one gate of a `DataSource`, whoever asks. */
export function serialGateOf(dataSource: DataSourceLike): SerialGate {
  let gate = gates.get(dataSource);
  if (!gate) gates.set(dataSource, (gate = new SerialGate()));
  return gate;
}
