import type { ProcessInfo, StepPause } from '../../../core/operations/fleet-numbers.js';
import type { StepControls } from '../steering/step-controls.js';
import type { Monitoring } from './monitoring.js';

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
  /** Why nothing of the job's step begins. */
  readonly pause: StepPause | undefined;
  /** For how long a process may not have looked for due jobs, in milliseconds. */
  readonly patience: number;
}

/** Where it is asked. */
export interface KnowingProcess {
  readonly own: OwnProcess;
  readonly monitoring: Monitoring;
  readonly stepSteering: { readonly controls: StepControls };
}

/** What this process knows of the fleet when it is asked why a job does not run. */
export async function knownFleet(
  { own, monitoring, stepSteering: { controls } }: KnowingProcess,
  stepName: string | null,
): Promise<KnownFleet> {
  // What is known of the processes is information, and a role may lack the right to read it.
  const { processes } = await monitoring.reader.snapshot().catch(() => ({ processes: null }));
  await controls.refresh();
  const { patience } = monitoring.health;
  return { own, processes, patience, pause: stepName === null ? undefined : controls.pauseOf(stepName) };
}
