/** `pause`: a person has paused the step. `brake`: what is known of a step that fails. */
export type ControlKind = 'pause' | 'brake';

/** What is written of a control; the store adds the time. */
export interface ControlValues {
  /** Opaque to the store. It changes with each change of the control, where `replace()` is to tell. */
  readonly value: string;
  readonly reason: string | null;
  readonly by: string | null;
  /** Milliseconds until it ends; `null` without an end. */
  readonly endsIn: number | null;
}

/** A control as it is stored. */
export interface Control extends ControlValues {
  readonly kind: ControlKind;
  /** The name of a step. */
  readonly target: string;
  readonly since: Date;
  readonly until: Date | null;
}

/**
 * Keeps what steers all processes. One suite (`test/contract/control-store.contract.ts`) says what every implementation must do.
 *
 * Every time is the store's own, as in `JobStore`. All methods run outside the caller's transactions.
 *
 * @internal Internal to the library: it changes without notice.
 */
export abstract class ControlStore {
  /** All controls, also those that have ended: their `endsIn` is 0 or less. */
  abstract read(): Promise<Control[]>;
  abstract find(kind: ControlKind, target: string): Promise<Control | null>;
  /** Writes a control, whether it is there or not; it counts from now. */
  abstract set(kind: ControlKind, target: string, values: ControlValues): Promise<void>;
  /** False when it is there already. */
  abstract insert(kind: ControlKind, target: string, values: ControlValues): Promise<boolean>;
  /**
   * Compare and swap: false when the control has another value, or is gone.
   *
   * @param again it counts from now on; otherwise from when it did before.
   */
  abstract replace(
    kind: ControlKind,
    target: string,
    value: string,
    values: ControlValues,
    again: boolean,
  ): Promise<boolean>;
  /** True when there were any. */
  abstract remove(kind: ControlKind, targets: readonly string[]): Promise<boolean>;
  /** Removes a control that has this value and has ended. */
  abstract removeEnded(kind: ControlKind, target: string, value: string): Promise<void>;
  /** The time. */
  abstract now(): Promise<Date>;
  /** Moves all stored times back, as if `milliseconds` had passed. For tests. */
  abstract elapse(milliseconds: number): Promise<void>;
}
