import type { StepKind, StepPlan } from './plan.js';

/** Which jobs a bulk operation is about: those that stand at this step. */
export interface OperatorFilter {
  readonly step: StepKind;
  readonly status: 'failed' | 'submitted';
}

/** One call of the library's public operations. */
export type OperatorAction =
  | { readonly do: 'pause' | 'resume'; readonly step: StepKind }
  | { readonly do: 'skip'; readonly gid: string; readonly step: number }
  | {
      readonly do: 'edit';
      readonly gid: string;
      readonly args: Omit<StepPlan, 'kind'> & { readonly order: string; readonly version: string };
    }
  | { readonly do: 'retry' | 'cancel'; readonly gid: string }
  | { readonly do: 'retryAll'; readonly filter: OperatorFilter; readonly spread: number }
  | { readonly do: 'cancelAll'; readonly filter: OperatorFilter; readonly limit: number };

/** What a worker process is told. */
export interface OperatorOrder {
  readonly id: number;
  readonly action: OperatorAction;
}

/** What a worker process tells. Times are the database's. */
export interface OperatorAnswer {
  /** Just before the call. */
  readonly asked?: number;
  /** Just after it. */
  readonly answered?: number;
  /** A call that was refused has changed nothing; one without an answer may have happened. */
  readonly outcome?: 'done' | 'refused' | 'unknown';
  /** The name of the error. */
  readonly error?: string;
  /** How many jobs a bulk operation has changed. */
  readonly changed?: number;
  /** What has become of the step that was to be skipped. */
  readonly step?: string;
}

/** What an operator asked a process for, and what is known of it. A process carries out one call at a time. */
export interface OperatorCall extends OperatorAnswer, OperatorOrder {
  readonly worker: string;
  readonly outcome: 'done' | 'refused' | 'unknown';
}
