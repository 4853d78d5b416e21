import type { JobReasonCode } from '../../../core/jobs/job-operations.js';
import type { JobStatus } from '../../../core/jobs/job-info.js';
import type { JobAnswer } from '../../api.js';
import { relative } from '../format.js';
import { JOB_STATUS, type Tone } from './status.js';
import { useNow } from './time.js';

type Explanation = NonNullable<JobAnswer['explanation']>;

const HEADS: Readonly<Record<Exclude<JobReasonCode, 'ENDED'>, readonly [Tone, string]>> = {
  DELAYED: ['blue', 'Begins later'],
  BACKING_OFF: ['amber', 'Waits for its next attempt'],
  PAUSED: ['amber', 'Its step is paused'],
  BRAKED: ['amber', 'Its step is braked'],
  HELD_BY: ['blue', 'A process has it'],
  PREPARED_UNRESOLVED: ['amber', 'Waits for its transaction'],
  NO_PROCESS_PROVIDES_STEP: ['red', 'No process provides its step'],
  NO_WORKERS: ['red', 'No process runs steps'],
  RECOVERY_STOPPED: ['red', 'No process looks for due jobs'],
  ALL_PROCESSES_FULL: ['amber', 'All processes are full'],
  ARGUMENTS_DO_NOT_FIT: ['red', 'Its arguments cannot be read'],
  COULD_NOT_BEGIN: ['amber', 'Its step could not begin'],
  DUE: ['blue', 'Is next'],
};

/** Why a job does not run, or what runs it. */
export function Explanation({ explanation: { status, reasons } }: { readonly explanation: Explanation }) {
  const now = useNow();
  const [tone] = headOf(status, reasons[0]!.code);
  return (
    <section class={`notice explanation ${tone}`} aria-label="Why it is where it is">
      {reasons.map(({ code, text, until }) => (
        <div key={code}>
          <h2>
            {headOf(status, code)[1]}
            {until !== undefined && Date.parse(until) > now && `, ${relative(until, now)}`}
          </h2>
          <p>{text}</p>
        </div>
      ))}
    </section>
  );
}

function headOf(status: JobStatus, code: JobReasonCode): readonly [Tone, string] {
  return code === 'ENDED' ? JOB_STATUS[status] : HEADS[code];
}
