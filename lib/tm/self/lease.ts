/** Hears that a lease is lost. */
export interface LeaseListener {
  leaseLost(): void;
}

/** The right of this process to run one job, until a time that it knows to be early enough. */
export class Lease {
  /** Set once, when the lease is lost or its job canceled: nothing may be written for the job any more. */
  lost = false;
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

  /** Called at most once, when the lease is lost while somebody listens. */
  onLost(listener: LeaseListener | undefined): void {
    this.listener = listener;
  }

  /** The job was canceled: nobody else runs it, so that a step at work need not hear of it. */
  cancel(): void {
    this.lost = true;
  }

  lose(): void {
    if (this.lost) return;
    this.lost = true;
    this.listener?.leaseLost();
  }
}
