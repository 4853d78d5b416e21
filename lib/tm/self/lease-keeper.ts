import { Logger } from '@nestjs/common';
import { detached } from '../../core/detached.js';
import type { JobStore, LeaseKey } from '../../store/job-store.js';
import { Lease } from './lease.js';
import { LeaseTable } from './lease-table.js';
import { OwnerTokens } from './owner-tokens.js';

/** A lease is renewed when a third of it is gone, which leaves time for two more tries. */
const RENEW_AFTER = 1 / 3;
/** Work stops when this much is left: other processes may not find an expired lease while a step still runs. */
const GIVE_UP_AT = 1 / 5;
const CHECKS_PER_LEASE = 10;
const MIN_CHECK_MS = 10;
const BATCH = 500;

/** Holds the leases of this process, renews them while their jobs wait or run, and gives up those it loses. */
export class LeaseKeeper {
  private readonly logger = new Logger(LeaseKeeper.name);
  private readonly held = new LeaseTable();
  private timer: NodeJS.Timeout | undefined;
  private renewing: Promise<void> | undefined;

  constructor(
    private readonly store: JobStore,
    private readonly tokens: OwnerTokens,
    /** Milliseconds. */
    readonly leaseDuration: number,
  ) {}

  newOwner(): string {
    return this.tokens.next();
  }

  /** Holds a lease taken by a statement that was sent at `since` (`performance.now()`). */
  hold(key: LeaseKey, since: number): Lease {
    const lease = new Lease(key.gid, key.owner, since + this.leaseDuration);
    // A claim of a job that this process still holds means that the older lease has expired.
    this.held.put(lease)?.lose();
    this.timer ??= detached(() => setInterval(() => this.check(), this.checkInterval));
    return lease;
  }

  drop(lease: Lease): void {
    this.held.remove(lease);
    if (this.held.size === 0) this.rest();
  }

  /** Whether enough of the lease is left to start a step under it. */
  isGood(lease: Lease): boolean {
    return lease.remaining > this.leaseDuration * GIVE_UP_AT;
  }

  /** Makes sure that a lease is still held, at the store; loses it otherwise. */
  async confirm(lease: Lease): Promise<boolean> {
    if (lease.lost) return false;
    await this.renewBatch([lease]);
    return this.isGood(lease);
  }

  /**
   * A canceled job is nobody's any more: a step at work may come to its end, and nothing follows. One that waits
   * in memory is not begun.
   */
  cancel(gid: string): void {
    const lease = this.held.get(gid);
    if (!lease) return;
    this.drop(lease);
    lease.cancel();
  }

  /** Stops renewing, for a process that has handed everything back. */
  async stop(): Promise<void> {
    this.rest();
    await this.renewing;
  }

  private get checkInterval(): number {
    return Math.max(MIN_CHECK_MS, this.leaseDuration / CHECKS_PER_LEASE);
  }

  private rest(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }

  private check(): void {
    const stale: Lease[] = [];
    for (const lease of this.held.all()) {
      if (!this.isGood(lease)) this.lose(lease, 'it could not be renewed in time');
      else if (lease.remaining < this.leaseDuration * (1 - RENEW_AFTER)) stale.push(lease);
    }
    if (stale.length === 0 || this.renewing) return;
    this.renewing = this.renew(stale).finally(() => (this.renewing = undefined));
  }

  private async renew(leases: readonly Lease[]): Promise<void> {
    for (let at = 0; at < leases.length; at += BATCH) {
      const batch = leases.slice(at, at + BATCH).filter((lease) => !lease.lost);
      try {
        await this.renewBatch(batch);
      } catch (error) {
        this.logger.warn(`Renewing ${batch.length} leases failed; it is tried again: ${String(error)}`);
        return;
      }
    }
  }

  private async renewBatch(leases: readonly Lease[]): Promise<void> {
    const sent = performance.now();
    const renewed = await this.store.renew(leases, this.leaseDuration);
    const missing: Lease[] = [];
    for (const lease of leases) {
      if (renewed.has(lease.gid)) lease.validUntil = sent + this.leaseDuration;
      else missing.push(lease);
    }
    if (missing.length === 0) return;
    // A row that somebody has locked is skipped by the renewal; that is no loss yet.
    const held = await this.store.held(missing);
    for (const lease of missing) {
      if (held.has(lease.gid) || this.held.get(lease.gid) !== lease) continue;
      if ((await this.store.find(lease.gid))?.status === 'canceled') this.cancel(lease.gid);
      else this.lose(lease, 'another process has it');
    }
  }

  private lose(lease: Lease, reason: string): void {
    this.drop(lease);
    if (lease.lost) return;
    this.logger.warn(`The lease of job ${lease.gid} is lost: ${reason}.`);
    lease.lose();
  }
}
