import { BriefCache } from '../core/brief-cache.js';

/** Results of a bounded number of questions, each kept for some time. */
export class KeyedCache<T> {
  private readonly caches = new Map<string, BriefCache<T>>();

  /** @param keep milliseconds. */
  constructor(
    private readonly keep: number,
    private readonly maxKeys: number,
  ) {}

  /** @param work the same for the same key. */
  get(key: string, work: () => Promise<T>): Promise<T> {
    const cache = this.caches.get(key) ?? new BriefCache(work, this.keep);
    // The key that was asked for last comes last.
    this.caches.delete(key);
    this.caches.set(key, cache);
    if (this.caches.size > this.maxKeys) this.caches.delete(this.caches.keys().next().value!);
    return cache.get();
  }
}
