import { randomBytes } from 'node:crypto';
import type { ResolvedBrakeOptions } from '../../../core/operations/brake-options.js';
import type { Control, ControlValues } from '../../../store/control-store.js';
import { decodeValue, encodeValue, type ControlValue } from './control-value.js';

/**
 * Where the brake of a step stands, for all processes: the value of its control. Whoever changes it compares and swaps, so each change has
 * an id of its own.
 *
 * - `counting`: attempts are counted until the control ends. `pauseMs` tells of a release that is not long ago.
 * - `warned`: nothing is counted until the control ends.
 * - `braked`: the step is paused. When the control has ended, one process takes the probe.
 * - `probing`: still paused, while one attempt is made. When the control has ended, the process that makes it has died.
 */
export interface BrakeState extends ControlValue {
  readonly state: 'counting' | 'warned' | 'braked' | 'probing';
  readonly id: string;
  readonly attempts: number;
  readonly failed: number;
  /** The last pause, in milliseconds; 0 before the first. */
  readonly pauseMs: number;
}

/** Attempts that have ended. */
export interface Counts {
  readonly attempts: number;
  readonly failed: number;
}

export const NO_COUNTS: Counts = { attempts: 0, failed: 0 };

/** Undefined for what nobody of the library has written. */
export function brakeStateOf(control: Control | null): BrakeState | undefined {
  const value = control?.kind === 'brake' ? decodeValue(control) : undefined;
  return value && typeof value.state === 'string' ? (value as unknown as BrakeState) : undefined;
}

/** Whether nothing of the step may begin. */
export function isBraking(control: Control): boolean {
  const state = brakeStateOf(control)?.state;
  return state === 'braked' || state === 'probing';
}

export function sum(one: Counts, other: Counts): Counts {
  return { attempts: one.attempts + other.attempts, failed: one.failed + other.failed };
}

/** Whether so many attempts failed that the step is braked. */
export function trips({ attempts, failed }: Counts, { of, ratio }: ResolvedBrakeOptions): boolean {
  return attempts >= of && failed >= attempts * ratio;
}

/** What is to be written. */
export function brakeValues(state: Omit<BrakeState, 'id'>, endsIn: number): ControlValues {
  const value = { ...state, id: randomBytes(6).toString('base64url') };
  return {
    value: encodeValue(value),
    reason: `${state.failed} of ${state.attempts} attempts have failed`,
    by: null,
    endsIn,
  };
}
