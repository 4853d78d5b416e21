import type { LedgerEntry } from './ledger.js';
import type { OperatorCall } from './operator-call.js';
import type { WorkerLife } from './process.js';
import type { Target } from './target.js';
import type { WorkerTiming } from './worker/settings.js';

export interface Effect {
  readonly id: string;
  readonly order: string;
  readonly gid: string;
  readonly step: number;
  readonly kind: string;
  readonly attempt: number;
  readonly worker: string;
  readonly begin: number;
  readonly end: number | null;
  readonly outcome: 'done' | 'failed' | null;
  /** When its signal aborted. The library guarantees nothing about what a step does after that. */
  readonly signalled: number | null;
  /** Which correction its arguments were of; null before the first. */
  readonly version: string | null;
  /** The idempotency key. */
  readonly key: string;
}

export interface JobState {
  readonly gid: string;
  readonly status: string;
  readonly owner: string | null;
}

/** One change of a job, recorded by a trigger. A new job has no old state. */
export interface Transition {
  readonly gid: string;
  readonly writer: string | null;
  /** The database's time, within the transaction that made the change. */
  readonly at: number;
  readonly before: TransitionState | null;
  readonly after: TransitionState | null;
}

export interface TransitionState {
  readonly status: string;
  readonly step: number;
  readonly attempts: number;
  readonly owner: string | null;
}

/** Everything that was left behind, read with plain SQL after the processes have ended. */
export interface Evidence {
  readonly target: Target;
  readonly timing: WorkerTiming;
  readonly ledger: readonly LedgerEntry[];
  /** The gid by order. */
  readonly orders: ReadonlyMap<string, string>;
  readonly bookings: ReadonlyMap<string, number>;
  readonly effects: readonly Effect[];
  readonly jobs: ReadonlyMap<string, JobState>;
  readonly transitions: readonly Transition[];
  readonly lives: readonly WorkerLife[];
  /** What an operator asked for; none in most attacks. */
  readonly calls: readonly OperatorCall[];
  /** The attack cut connections, so answers may be lost. */
  readonly connectionsCut: boolean;
  /** The attack killed, stopped and cut nothing: no step may be repeated. */
  readonly undisturbed: boolean;
}
