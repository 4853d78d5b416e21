/**
 * Named places between two writes of the protocol, where a test may crash, stall or fail the process.
 * Inert unless something is registered under this symbol: one property look-up per point.
 */
export type FaultPoint =
  | 'job:before-prepare'
  | 'job:prepared'
  | 'job:before-barrier'
  | 'job:started'
  | 'job:before-submit'
  | 'job:submitted'
  | 'step:before-execute'
  | 'step:executed'
  | 'step:before-commit'
  | 'step:committed'
  | 'progress:before-write'
  | 'progress:written'
  | 'recovery:claimed'
  | 'recovery:resolved';

const HOOK = Symbol.for('nestjs-stepping.fault-point');
type Hook = (point: FaultPoint, gid: string) => void | Promise<void>;

/** The registered hook, called only where it exists so that nothing is awaited in production. */
export function faultPoint(point: FaultPoint, gid: string): void | Promise<void> {
  return (globalThis as { [HOOK]?: Hook })[HOOK]?.(point, gid);
}
