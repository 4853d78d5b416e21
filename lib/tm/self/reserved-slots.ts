import { swapRemove } from '../../core/swap-remove.js';
import type { JobPlace, JobRunner } from './job-runner.js';

/** A slot of the runner, reserved for a job whose transaction is open. */
export interface ReservedSlot extends JobPlace {
  /** By `performance.now()`. */
  readonly since: number;
}

/**
 * Reserved slots of the runner.
 *
 * A transaction may never tell how it ended: a job prepared by hand is never submitted, a query runner is forgotten. So a
 * slot is reserved no longer than the lease that the job was written with.
 */
export class ReservedSlots {
  /** An array, for the reason that `LeaseTable` gives. */
  private readonly reserved: ReservedSlot[] = [];

  constructor(
    private readonly runner: JobRunner,
    /** Milliseconds. */
    private readonly leaseDuration: number,
  ) {}

  /** Undefined when all slots are taken. */
  reserve(place: JobPlace): ReservedSlot | undefined {
    if (!this.runner.reserve(place)) {
      this.releaseExpired();
      if (!this.runner.reserve(place)) return undefined;
    }
    const slot = { ...place, since: performance.now() };
    this.reserved.push(slot);
    return slot;
  }

  /** Uses the slot for its job; if it has expired, another one. False when there is none. */
  use(slot: ReservedSlot): boolean {
    return swapRemove(this.reserved, slot) || this.runner.reserve(slot);
  }

  /** The job does not come. */
  release(slot: ReservedSlot): void {
    if (swapRemove(this.reserved, slot)) this.runner.cancelReservation(slot);
  }

  private releaseExpired(): void {
    const latest = performance.now() - this.leaseDuration;
    for (const slot of this.reserved.filter(({ since }) => since <= latest)) this.release(slot);
  }
}
