import type { JobRunner } from './job-runner.js';

/** A place in the runner, kept for a job whose transaction is open. */
export interface PendingPlace {
  /** By `performance.now()`. */
  readonly since: number;
}

/**
 * The places in the runner that are kept for jobs of open transactions.
 *
 * Not every transaction tells how it ended: a job that was prepared by hand may never be submitted, a query
 * runner may be forgotten. A place is therefore kept no longer than the lease that the job was written with.
 */
export class PendingPlaces {
  /** In the order of their age. */
  private readonly kept = new Set<PendingPlace>();

  constructor(
    private readonly runner: JobRunner,
    /** Milliseconds. */
    private readonly leaseDuration: number,
  ) {}

  /** Keeps a place, if there is one. */
  keep(): PendingPlace | undefined {
    this.forfeit();
    if (!this.runner.reserve()) return undefined;
    const place = { since: performance.now() };
    this.kept.add(place);
    return place;
  }

  /** Hands the place over to a job that comes now; one that was forfeited, if there is another. */
  take(place: PendingPlace): boolean {
    return this.kept.delete(place) || this.runner.reserve();
  }

  /** The job does not come. */
  giveBack(place: PendingPlace): void {
    if (this.kept.delete(place)) this.runner.cancelReservation();
  }

  /** Gives back what has been kept for longer than a lease. */
  forfeit(): void {
    const oldest = performance.now() - this.leaseDuration;
    for (const place of this.kept) {
      if (place.since > oldest) return;
      this.giveBack(place);
    }
  }
}
