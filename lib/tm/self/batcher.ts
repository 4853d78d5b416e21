import { detached } from '../../core/detached.js';
import { SingleFlight } from '../../core/single-flight.js';

interface Call<T> {
  readonly item: T;
  resolve(changed: boolean): void;
  reject(error: unknown): void;
}

/** Sends calls together that come while others are under way. A lone call is sent at once. */
export class Batcher<T extends { readonly gid: string }> {
  private waiting: Call<T>[] = [];
  private readonly sending = new SingleFlight(() => detached(() => this.sendAll()));

  constructor(private readonly send: (items: readonly T[]) => Promise<ReadonlySet<string>>) {}

  /** Whether the item's gid is in the answer. */
  call(item: T): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ item, resolve, reject });
      this.sendWaiting();
    });
  }

  private sendWaiting(): void {
    if (this.waiting.length === 0 || this.sending.running) return;
    void this.sending.run().then(() => this.sendWaiting());
  }

  private async sendAll(): Promise<void> {
    // Calls of the same tick go together.
    await Promise.resolve();
    while (this.waiting.length > 0) {
      const batch = this.takeDistinct();
      try {
        const changed = await this.send(batch.map((call) => call.item));
        for (const call of batch) call.resolve(changed.has(call.item.gid));
      } catch (error) {
        for (const call of batch) call.reject(error);
      }
    }
  }

  /** Each gid once: the answers to two of them could not be told apart. */
  private takeDistinct(): Call<T>[] {
    const batch = new Map<string, Call<T>>();
    const later: Call<T>[] = [];
    for (const call of this.waiting) {
      if (batch.has(call.item.gid)) later.push(call);
      else batch.set(call.item.gid, call);
    }
    this.waiting = later;
    return [...batch.values()];
  }
}
