/**
 * Ends one attempt of a step early, and says why. The step sees it as `context.signal`.
 *
 * @publicApi
 */
export class StepStop {
  private readonly controller = new AbortController();
  // A listener of an AbortSignal costs about as much as everything else in an attempt.
  private readonly listeners: (() => void)[] = [];

  /** What the step is given. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Whether the attempt is to end. */
  get requested(): boolean {
    return this.signal.aborted;
  }

  /** Why it is to end. */
  get reason(): unknown {
    return this.signal.reason;
  }

  /**
   * Asks the step to end. The first reason stays: `StepInterruptedError` lets a step that comes to its end succeed all the
   * same, `StepTimeoutError` makes the attempt fail, and with any other one nothing of it counts.
   */
  request(reason: unknown): void {
    if (this.requested) return;
    this.controller.abort(reason);
    for (const listener of this.listeners) listener();
  }

  /** Calls back once: now, if it was requested already. */
  onRequest(listener: () => void): void {
    if (this.requested) listener();
    else this.listeners.push(listener);
  }
}
