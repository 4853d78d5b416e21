import type { FaultSettings } from './settings.js';
import { tell } from './tell.js';

const HOOK = Symbol.for('nestjs-stepping.fault-point');
const place = globalThis as { [HOOK]?: (at: string, of: string) => void };

/** A fault point of the application's own. */
export function pass(point: string, of: string): void {
  place[HOOK]?.(point, of);
}

/** Registers the hook that the library calls between the writes of its protocol. */
export function installFault({ point, passage, action, gid }: FaultSettings): void {
  let passed = 0;
  place[HOOK] = (at, of) => {
    if (at !== point || (gid !== undefined && gid !== of)) return;
    passed += 1;
    if (passed !== passage) return;
    tell({ type: 'fault', point, action, gid: of });
    process.kill(process.pid, action === 'kill' ? 'SIGKILL' : 'SIGSTOP');
  };
}

/**
 * Reports when this process stood still for a tenth of its lease. It then cannot abort the signals of its steps before
 * the lease is over, however much time the library reserves for that.
 */
export function watchEventLoop(lease: number): void {
  const tick = Math.max(10, lease / 40);
  let last = performance.now();
  setInterval(() => {
    const gap = performance.now() - last;
    last = performance.now();
    if (gap > tick + lease / 12) tell({ type: 'stall', gap });
  }, tick).unref();
}
