/**
 * Where a job stands.
 *
 * `prepared` → `submitted` → `succeeded`; `prepared` → `rolledBack`; `submitted` → `failed` or
 * `canceled`; `failed` → `submitted` when it is retried by hand.
 *
 * @publicApi
 */
export type JobStatus = 'prepared' | 'submitted' | 'succeeded' | 'failed' | 'rolledBack' | 'canceled';

/** Every status, in the order in which a job may pass through them. */
export const JOB_STATUSES: readonly JobStatus[] = [
  'prepared',
  'submitted',
  'succeeded',
  'failed',
  'rolledBack',
  'canceled',
];
