import type { JobRecord } from '../../../store/job-store.js';
import type { KnownFleet } from './known-fleet.js';

/** What `explainJob()` goes by. */
export interface JobFacts extends KnownFleet {
  readonly record: Pick<
    JobRecord,
    | 'gid'
    | 'status'
    | 'stepIndex'
    | 'stepName'
    | 'attempts'
    | 'owner'
    | 'lookup'
    | 'createdAt'
    | 'dueAt'
    | 'endedAt'
  >;
  /** The text of the last error, decoded as far as that can be done here. */
  readonly error: string | null;
  /** By the clock of the store. */
  readonly now: Date;
}
