import { setTimeout as sleep } from 'node:timers/promises';

/** Because a conflict that survives this many tries is no coincidence, and the caller has a loop of its own. */
const MAX_ATTEMPTS = 6;
const FIRST_DELAY_MS = 10;

/** Runs `work` again, after short random pauses, while it fails with an error that `isTransient` knows. */
export async function retryTransient<T>(
  work: () => Promise<T>,
  isTransient: (error: unknown) => boolean,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (attempt >= MAX_ATTEMPTS || !isTransient(error)) throw error;
    }
    await sleep(Math.random() * FIRST_DELAY_MS * 2 ** attempt);
  }
}
