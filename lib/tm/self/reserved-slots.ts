import type { JobRunner } from './job-runner.js';

/** A place in the runner, kept for a job whose transaction is open. */
export interface ReservedSlot {
  /** By `performance.now()`. */
  readonly since: number;
  /** Where it stands among those that are kept; negative when it is not kept any more. */
  index: number;
}

const NOT_KEPT = -1;

/**
 * The places in the runner that are kept for jobs of open transactions.
 *
 * Not every transaction tells how it ended: a job that was prepared by hand may never be submitted, a query
 * runner may be forgotten. A place is therefore kept no longer than the lease that the job was written with.
 */
export class ReservedSlots {
  /** In no order. An array, for the reason that `LeaseTable` gives. */
  private readonly kept: ReservedSlot[] = [];

  constructor(
    private readonly runner: JobRunner,
    /** Milliseconds. */
    private readonly leaseDuration: number,
  ) {}

  /** Keeps a place, if there is one. */
  keep(): ReservedSlot | undefined {
    if (!this.runner.reserve()) {
      this.forfeit();
      if (!this.runner.reserve()) return undefined;
    }
    const place = { since: performance.now(), index: this.kept.length };
    this.kept.push(place);
    return place;
  }

  /** Hands the place over to a job that comes now; one that was forfeited, if there is another. */
  take(place: ReservedSlot): boolean {
    return this.remove(place) || this.runner.reserve();
  }

  /** The job does not come. */
  giveBack(place: ReservedSlot): void {
    if (this.remove(place)) this.runner.cancelReservation();
  }

  /** Gives back what has been kept for longer than a lease. */
  forfeit(): void {
    const oldest = performance.now() - this.leaseDuration;
    for (const place of this.kept.filter(({ since }) => since <= oldest)) this.giveBack(place);
  }

  /** The last one takes its place. */
  private remove(place: ReservedSlot): boolean {
    if (place.index === NOT_KEPT) return false;
    const last = this.kept.pop()!;
    if (last !== place) {
      this.kept[place.index] = last;
      last.index = place.index;
    }
    place.index = NOT_KEPT;
    return true;
  }
}
