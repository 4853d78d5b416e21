/** Is told that a lease is lost, or overdue. */
export interface LeaseListener {
  leaseLost(): void;
}

/** The right of this process to run one job, for a limited time. */
export class Lease {
  /** Set once, when the lease is lost or the job canceled: this process writes nothing more for the job. */
  lost = false;
  /**
   * It could not be renewed in time, so its step was told to stop. Where no other process has taken the job meanwhile, what is still to be
   * stored for it counts: the database decides.
   */
  overdue = false;
  /** This process is storing a change that gives the lease up. */
  releasing = false;
  private listener: LeaseListener | undefined;

  constructor(
    readonly gid: string,
    readonly owner: string,
    /** By `performance.now()`, counted from before the statement that took the lease was sent. */
    public validUntil: number,
  ) {}

  /** Milliseconds. */
  get remaining(): number {
    return this.remainingAt(performance.now());
  }

  /** Milliseconds; 0 for a lost one. */
  remainingAt(now: number): number {
    return this.lost ? 0 : this.validUntil - now;
  }

  /** Called if the lease is lost or overdue while it is set. */
  onLost(listener: LeaseListener | undefined): void {
    this.listener = listener;
  }

  /** The job was canceled. Nobody else runs it, so a running step is not told. */
  cancel(): void {
    this.lost = true;
  }

  expire(): void {
    if (this.lost || this.overdue) return;
    this.overdue = true;
    this.listener?.leaseLost();
  }

  lose(): void {
    if (this.lost) return;
    this.lost = true;
    this.listener?.leaseLost();
  }
}
