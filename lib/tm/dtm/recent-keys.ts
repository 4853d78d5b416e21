/** A set of texts that forgets the least recent ones. */
export class RecentKeys {
  private readonly keys = new Set<string>();

  /** @param limit How many are remembered, at most. */
  constructor(private readonly limit = 10_000) {}

  has(key: string): boolean {
    return this.keys.has(key);
  }

  add(key: string): void {
    // Moved to the end.
    this.keys.delete(key);
    this.keys.add(key);
    if (this.keys.size > this.limit) this.keys.delete(this.keys.values().next().value!);
  }
}
