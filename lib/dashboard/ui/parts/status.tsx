import type { JobStatus, StepStatus } from '../../../core/jobs/job-info.js';

export type Tone = 'red' | 'amber' | 'blue' | 'green' | 'grey';

/** How a job is doing: its colour, and the word for it. */
export const JOB_STATUS: Readonly<Record<JobStatus, readonly [Tone, string]>> = {
  prepared: ['grey', 'Prepared'],
  submitted: ['blue', 'Open'],
  succeeded: ['green', 'Succeeded'],
  failed: ['red', 'Failed'],
  rolledBack: ['grey', 'Rolled back'],
  canceled: ['grey', 'Canceled'],
};

/** The same for a step. */
export const STEP_STATUS: Readonly<Record<StepStatus, readonly [Tone, string]>> = {
  pending: ['grey', 'Not yet'],
  waiting: ['amber', 'Waiting'],
  running: ['blue', 'Running'],
  succeeded: ['green', 'Succeeded'],
  failed: ['red', 'Failed'],
  canceled: ['grey', 'Canceled'],
  skipped: ['grey', 'Skipped'],
};

/** @param failing an open job of which an attempt has failed. */
export function JobStatusBadge({
  status,
  failing = false,
}: {
  readonly status: JobStatus;
  readonly failing?: boolean;
}) {
  const [tone, text] = failing ? (['amber', 'Failing'] as const) : JOB_STATUS[status];
  return <Badge tone={tone} text={text} />;
}

/** A shape and a word: colour alone tells nobody anything. */
export function Badge({ tone, text }: { readonly tone: Tone; readonly text: string }) {
  return (
    <span class={`badge ${tone}`}>
      <Shape tone={tone} />
      {text}
    </span>
  );
}

/** The shape that goes with a colour. */
export function Shape({ tone, size = 8 }: { readonly tone: Tone; readonly size?: number }) {
  return (
    <svg
      class={`toned ${tone}`}
      width={size}
      height={size}
      viewBox="0 0 8 8"
      fill="currentColor"
      aria-hidden="true"
    >
      {tone === 'red' && <path d="M4 0 8 4 4 8 0 4z" />}
      {tone === 'amber' && <path d="M4 .5 8 7.5H0z" />}
      {tone === 'blue' && <path d="M1 0l7 4-7 4z" />}
      {tone === 'green' && <circle cx="4" cy="4" r="4" />}
      {tone === 'grey' && <circle cx="4" cy="4" r="3" fill="none" stroke="currentColor" stroke-width="1.5" />}
    </svg>
  );
}
