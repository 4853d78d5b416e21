import { tell } from './tell.js';

/** Where this process is to crash (SIGKILL), to stop (SIGSTOP), not to go on with a job (`stall`), or to say that it passes (`note`). */
export interface Fault {
  readonly point: string;
  /** Only for this job. */
  readonly gid?: string;
  readonly action?: 'crash' | 'stop' | 'stall' | 'note';
  /** The number of the passage, counted from 1. Default: 1. */
  readonly passage?: number;
}

/** Registers the hook that the library calls between the writes of its protocol. */
export function installFaults(faults: readonly Fault[]): void {
  const checks = faults.map(faultCheck);
  const hook = (point: string, gid: string): void | Promise<void> => {
    for (const check of checks) {
      const action = check(point, gid);
      if (!action) continue;
      tell({ type: 'fault', point, gid });
      if (action === 'stall') return new Promise(() => undefined);
      if (action !== 'note') process.kill(process.pid, action === 'crash' ? 'SIGKILL' : 'SIGSTOP');
    }
  };
  Object.assign(globalThis, { [Symbol.for('nestjs-stepping.fault-point')]: hook });
}

function faultCheck({ point, gid, action = 'crash', passage = 1 }: Fault) {
  let passed = 0;
  return (at: string, of: string): Fault['action'] => {
    if (at !== point || (gid !== undefined && of !== gid)) return undefined;
    passed += 1;
    return passed === passage ? action : undefined;
  };
}
