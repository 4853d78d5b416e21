import type { ProcessInfo } from '../../../core/operations/fleet-numbers.js';

/** Processes look for due jobs once a second, and every one of these times may fail once. */
const LEAST_MS = 60_000;
const INTERVALS = 20;

/**
 * For how long a process may not have looked for due jobs until its recovery counts as stopped, in milliseconds.
 *
 * @param recoveryInterval of the process that judges, in milliseconds.
 */
export function recoveryPatience(recoveryInterval: number): number {
  return Math.max(LEAST_MS, INTERVALS * recoveryInterval);
}

/** One that has just started has had no time yet. */
export function isRecovering({ recoveredAt, startedAt }: ProcessInfo, now: Date, patience: number): boolean {
  return now.getTime() - (recoveredAt ?? startedAt).getTime() <= patience;
}
