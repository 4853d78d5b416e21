/** Group commit by hand: one statement at a time. Whatever arrives meanwhile goes into the next one. */
export class CompletionBatches {
  private waiting: { readonly id: string; readonly stored: () => void }[] = [];
  private writing = false;

  private readonly write: (ids: string[]) => Promise<unknown>;

  constructor(write: (ids: string[]) => Promise<unknown>) {
    this.write = write;
  }

  add(id: string): Promise<void> {
    return new Promise((stored) => {
      this.waiting.push({ id, stored });
      if (!this.writing) void this.drain();
    });
  }

  private async drain(): Promise<void> {
    this.writing = true;
    await Promise.resolve();
    while (this.waiting.length > 0) {
      const batch = this.waiting;
      this.waiting = [];
      await this.write(batch.map(({ id }) => id));
      for (const { stored } of batch) stored();
    }
    this.writing = false;
  }
}
