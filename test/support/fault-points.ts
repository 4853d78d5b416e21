type Hook = (point: string, gid: string) => void | Promise<void>;

const hooks = new Map<string, () => void | Promise<void>>();
const hook: Hook = (point, gid) => hooks.get(`${point} ${gid}`)?.();
Object.assign(globalThis, { [Symbol.for('nestjs-stepping.fault-point')]: hook });

/** Does something between two writes of the library, for one job: other jobs of this process pass. */
export function atFaultPoint(point: string, gid: string, action: () => void | Promise<void>): void {
  hooks.set(`${point} ${gid}`, action);
}
