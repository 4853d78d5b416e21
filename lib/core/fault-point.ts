/** Places between two writes of the protocol, where a test may stop, delay or fail the process. */
export const FAULT_POINTS = [
  'job:before-prepare',
  'job:prepared',
  'job:before-barrier',
  'job:started',
  'job:before-submit',
  'job:submitted',
  'step:before-execute',
  'step:executed',
  'step:before-commit',
  'step:committed',
  'progress:before-write',
  'progress:written',
  'recovery:claimed',
  'recovery:resolved',
] as const;

/**
 * A place in the life of a job where a test may let the process crash.
 *
 * @publicApi
 */
export type FaultPoint = (typeof FAULT_POINTS)[number];

/** Without a hook under this symbol, a fault point does nothing. */
const HOOK = Symbol.for('nestjs-stepping.fault-point');
const place = globalThis as { [HOOK]?: FaultHook };

export type FaultHook = (point: FaultPoint, gid: string) => void | Promise<void>;

/**
 * Await it: a hook may stop the process there. On the way of every job only what is returned is awaited, since `await`
 * costs a turn of the microtask queue even where there is no hook.
 */
export function faultPoint(point: FaultPoint, gid: string): void | Promise<void> {
  return place[HOOK]?.(point, gid);
}

/** Registers a hook, and returns the one that it replaces. */
export function setFaultHook(hook: FaultHook | undefined): FaultHook | undefined {
  const former = place[HOOK];
  place[HOOK] = hook;
  return former;
}
