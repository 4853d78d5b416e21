/**
 * Asks one attempt of a step to end early, and says why. The step gets an `AbortSignal`. The library listens here
 * instead, because a listener of a signal costs about as much as the rest of an attempt.
 */
export class StepStop {
  private readonly controller = new AbortController();
  private readonly listeners: (() => void)[] = [];

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  get requested(): boolean {
    return this.signal.aborted;
  }

  get reason(): unknown {
    return this.signal.reason;
  }

  /** The first reason wins. */
  request(reason: unknown): void {
    if (this.requested) return;
    this.controller.abort(reason);
    for (const listener of this.listeners) listener();
  }

  /** Calls back once; at once if the stop was requested already. */
  onRequest(listener: () => void): void {
    if (this.requested) listener();
    else this.listeners.push(listener);
  }
}
