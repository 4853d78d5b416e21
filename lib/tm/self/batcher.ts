import { detached } from '../../core/detached.js';

interface Call<T> {
  readonly item: T;
  resolve(changed: boolean): void;
  reject(error: unknown): void;
}

const BATCH = 200;

/**
 * Makes one statement out of calls that come at the same time: while one is under way the next ones gather.
 * A lone call leaves at once.
 */
export class Batcher<T extends { readonly gid: string }> {
  private waiting: Call<T>[] = [];
  private busy = false;

  constructor(private readonly send: (items: readonly T[]) => Promise<ReadonlySet<string>>) {}

  /** Whether the item's gid is in the answer. */
  call(item: T): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ item, resolve, reject });
      if (!this.busy) void detached(() => this.drain());
    });
  }

  private async drain(): Promise<void> {
    this.busy = true;
    // Calls of the same tick go together.
    await Promise.resolve();
    while (this.waiting.length > 0) {
      const [batch, later] = distinct(this.waiting);
      this.waiting = later;
      try {
        const changed = await this.send(batch.map((call) => call.item));
        for (const call of batch) call.resolve(changed.has(call.item.gid));
      } catch (error) {
        for (const call of batch) call.reject(error);
      }
    }
    this.busy = false;
  }
}

/** The first calls, each gid once: two inserts of one gid in a statement could not be told apart. */
function distinct<T extends { readonly gid: string }>(calls: readonly Call<T>[]): [Call<T>[], Call<T>[]] {
  const batch = new Map<string, Call<T>>();
  const later: Call<T>[] = [];
  for (const call of calls) {
    if (batch.size < BATCH && !batch.has(call.item.gid)) batch.set(call.item.gid, call);
    else later.push(call);
  }
  return [[...batch.values()], later];
}
