/** Is told that a lease is lost. */
export interface LeaseListener {
  leaseLost(): void;
}

/** The right of this process to run one job, for a limited time. */
export class Lease {
  /** Set once, when the lease is lost or the job canceled: this process writes nothing more for the job. */
  lost = false;
  /** This process is storing a change that gives the lease up. */
  releasing = false;
  private listener: LeaseListener | undefined;

  constructor(
    readonly gid: string,
    readonly owner: string,
    /** By `performance.now()`, counted from before the statement that took the lease was sent. */
    public validUntil: number,
  ) {}

  get remaining(): number {
    return this.lost ? 0 : this.validUntil - performance.now();
  }

  /** Called at most once, if the lease is lost while it is set. */
  onLost(listener: LeaseListener | undefined): void {
    this.listener = listener;
  }

  /** The job was canceled. Nobody else runs it, so a running step is not told. */
  cancel(): void {
    this.lost = true;
  }

  lose(): void {
    if (this.lost) return;
    this.lost = true;
    this.listener?.leaseLost();
  }
}
