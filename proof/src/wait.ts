import { setTimeout as sleep } from 'node:timers/promises';

export { sleep };

/** Polls until the result is truthy. Returns `undefined` after `timeout` milliseconds. */
export async function until<T>(
  ask: () => T | Promise<T>,
  timeout: number,
  interval = 20,
): Promise<NonNullable<Exclude<T, false>> | undefined> {
  const deadline = performance.now() + timeout;
  for (;;) {
    const answer = await ask();
    if (answer) return answer as NonNullable<Exclude<T, false>>;
    if (performance.now() >= deadline) return undefined;
    await sleep(interval);
  }
}
