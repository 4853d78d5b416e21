import { swapRemove } from '../../core/swap-remove.js';
import type { Lease } from './lease.js';

/** A power of two. A process that holds thousands of leases compares a few gids to find one. */
const SHARDS = 256;

/**
 * Leases by gid.
 *
 * In arrays, since V8 links each hash table that a Map has outgrown to the next one. Entries come and go here all the time;
 * once such a table is old, everything later ones held survives the collections of new objects. With a Map, a million jobs
 * cost four times the processor time.
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

  /** Returns the lease of the same job that it replaces. */
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

  /** Removes this lease, and no other one of the same job. */
  remove(lease: Lease): void {
    if (swapRemove(this.shardOf(lease.gid), lease)) this.count -= 1;
  }

  all(): Lease[] {
    return this.shards.flat();
  }

  /** By the whole gid, since those that applications choose may differ anywhere. */
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
