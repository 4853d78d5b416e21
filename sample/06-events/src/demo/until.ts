import { setTimeout as wait } from 'node:timers/promises';

/** Polls until `look` finds something. Gives up after `seconds`. */
export async function until<T>(
  what: string,
  seconds: number,
  look: () => T | undefined | Promise<T | undefined>,
  pause = 20,
): Promise<T> {
  const deadline = performance.now() + seconds * 1000;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > deadline) throw new Error(`Waited ${seconds} s in vain until ${what}`);
    await wait(pause);
  }
}
