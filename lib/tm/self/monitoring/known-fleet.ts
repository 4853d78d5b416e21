import { hostname } from 'node:os';
import type { ProcessInfo, StepPause } from '../../../core/operations/fleet-numbers.js';

/** What a process knows of itself. */
export interface OwnProcess {
  readonly id: string;
  readonly name: string;
  readonly runsSteps: boolean;
  /** The names of the steps that it provides. */
  readonly steps: readonly string[];
}

/** What is known beside the row of a job. */
export interface KnownFleet {
  readonly own: OwnProcess;
  /** `null` where processes are not known. */
  readonly processes: readonly ProcessInfo[] | null;
  /** By the names of steps. */
  readonly pauses: Readonly<Record<string, StepPause>>;
}

/** What this process knows of the fleet when it is asked why a job does not run. */
export async function knownFleet({ own }: { readonly own: OwnProcess }): Promise<KnownFleet> {
  return { own, processes: null, pauses: {} };
}

/** The name that a process goes by: the host's, and its number there. */
export function processName(): string {
  return `${hostname()}:${process.pid}`;
}
