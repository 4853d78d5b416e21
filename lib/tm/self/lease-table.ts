import type { Lease } from './lease.js';

/** A power of two; with so many, a process that holds thousands of leases compares a few gids to find one. */
const SHARDS = 256;

/**
 * Leases by gid.
 *
 * In arrays, not in a Map: V8 links each hash table that a Map has outgrown to the next one, and entries come and go here all
 * the time. Once such a table is old, all later ones and whatever they held outlive the collections of new objects.
 */
export class LeaseTable {
  private readonly shards: Lease[][] = Array.from({ length: SHARDS }, () => []);
  private count = 0;

  get size(): number {
    return this.count;
  }

  get(gid: string): Lease | undefined {
    const shard = this.shardOf(gid);
    return shard[indexOf(shard, gid)];
  }

  /** Puts a lease in, and gives back the one of the same job that it replaces. */
  put(lease: Lease): Lease | undefined {
    const shard = this.shardOf(lease.gid);
    const at = indexOf(shard, lease.gid);
    if (at < 0) {
      shard.push(lease);
      this.count += 1;
      return undefined;
    }
    const before = shard[at];
    shard[at] = lease;
    return before;
  }

  /** Takes a lease out, if it is there: not another one of the same job. */
  remove(lease: Lease): void {
    const shard = this.shardOf(lease.gid);
    const at = shard.indexOf(lease);
    if (at < 0) return;
    const last = shard.pop()!;
    if (at < shard.length) shard[at] = last;
    this.count -= 1;
  }

  all(): Lease[] {
    return this.shards.flat();
  }

  /** By the whole gid: those that applications make may differ anywhere. */
  private shardOf(gid: string): Lease[] {
    let hash = 0;
    for (let at = 0; at < gid.length; at += 1) hash = (hash * 31 + gid.charCodeAt(at)) | 0;
    return this.shards[hash & (SHARDS - 1)]!;
  }
}

function indexOf(shard: readonly Lease[], gid: string): number {
  for (let at = 0; at < shard.length; at += 1) if (shard[at]!.gid === gid) return at;
  return -1;
}
