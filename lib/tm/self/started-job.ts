import type { PreparedJob } from '../../core/transaction-manager.js';
import type { SentStatement } from '../../core/transactions/transaction-context.js';
import type { JobLookup } from './job-lookup.js';
import type { ReservedSlot } from './reserved-slots.js';

/** A job that this process has written. */
export interface StartedJob {
  /** Encoded. */
  readonly steps: string;
  /** The name of the first step. */
  readonly stepName: string;
  readonly owner: string | null;
  /** Reserved for the job. Without one, any process may take it. */
  readonly slot: ReservedSlot | undefined;
  /** When the statement that writes the job was sent. Its lease counts from then. */
  readonly sent: SentStatement;
  readonly lookup?: JobLookup | undefined;
}

/** What the self-TM remembers of a prepared job. */
export interface SelfPreparedJob extends PreparedJob, StartedJob {
  /** Of the same job that was started before, there is nothing to run or to undo. */
  readonly existing: boolean;
}

/** What is remembered of a job whose row was there already, since the same one had been started before. */
export const EXISTING = {
  existing: true,
  steps: '',
  stepName: '',
  owner: null,
  slot: undefined,
  sent: { sentAt: 0 },
};
