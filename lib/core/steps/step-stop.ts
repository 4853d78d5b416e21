/**
 * Tells one attempt of a step to end early, and why. What a step sees of it is an `AbortSignal`; the library
 * listens here, since a listener of a signal costs about as much as everything else in an attempt.
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

  /** The first reason stays. */
  request(reason: unknown): void {
    if (this.requested) return;
    this.controller.abort(reason);
    for (const listener of this.listeners) listener();
  }

  /** Calls back once: now, when it has been requested already. */
  onRequest(listener: () => void): void {
    if (this.requested) listener();
    else this.listeners.push(listener);
  }
}
