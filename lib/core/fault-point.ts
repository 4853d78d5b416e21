/** Named places between two writes of the protocol, where a test may crash, stall or fail the process. */
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

/** Inert unless something is registered under this symbol: one property look-up per point. */
const HOOK = Symbol.for('nestjs-stepping.fault-point');
const place = globalThis as { [HOOK]?: FaultHook };

export type FaultHook = (point: FaultPoint, gid: string) => void | Promise<void>;

/** The registered hook, called only where it exists so that nothing is awaited in production. */
export function faultPoint(point: FaultPoint, gid: string): void | Promise<void> {
  return place[HOOK]?.(point, gid);
}

/** Registers a hook in the place of another one, which is returned. */
export function setFaultHook(hook: FaultHook | undefined): FaultHook | undefined {
  const former = place[HOOK];
  place[HOOK] = hook;
  return former;
}
