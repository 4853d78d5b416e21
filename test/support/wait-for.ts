export interface WaitForOptions {
  /** Milliseconds until it gives up. */
  readonly timeout?: number;
  /** Milliseconds between two looks. */
  readonly interval?: number;
  /** What was waited for, for the error; a function is asked when it gives up. */
  readonly message?: string | (() => unknown);
}

/**
 * Waits until `condition` answers something truthy, and returns that. A condition that throws has not
 * been met yet; its last error is the cause of the one thrown in the end.
 */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  { timeout = 60_000, interval = 10, message = 'the condition' }: WaitForOptions = {},
): Promise<NonNullable<Exclude<T, false>>> {
  const deadline = performance.now() + timeout;
  let cause: unknown;
  for (;;) {
    try {
      const value = await condition();
      if (value) return value as NonNullable<Exclude<T, false>>;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    if (performance.now() >= deadline) {
      const what = typeof message === 'function' ? await message() : message;
      const text = typeof what === 'string' ? what : JSON.stringify(what);
      throw new Error(`Waited ${timeout} ms in vain for ${text}`, { cause });
    }
    await new Promise((resolve) => setTimeout(resolve, interval));
  }
}
