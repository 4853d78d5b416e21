import { useState } from 'preact/hooks';
import type { JobAnswer } from '../../api.js';
import { counted } from '../format.js';
import { usePolled } from '../polled.js';
import { Arguments } from './arguments.js';
import { Button } from './button.js';
import { Card } from './card.js';
import { ErrorText } from './error-text.js';
import { standsAt, type Job } from './job-query.js';
import { useSession } from './session.js';
import { Failure } from './states.js';
import { Shape, STEP_STATUS } from './status.js';
import { Time } from './time.js';

/** Of a long job, so many steps before the one that it stands at are shown at first. */
const BEFORE = 6;

/** The steps from the first to the last. */
export function StepTimeline({ answer: { job, runningSince } }: { readonly answer: JobAnswer }) {
  const at = standsAt(job);
  const [all, setAll] = useState(false);
  const hidden = all ? 0 : Math.max(0, at - BEFORE);
  return (
    <Card
      title="Steps"
      aside={
        hidden > 0 && (
          <Button kind="plain" small onClick={() => setAll(true)}>
            Show {counted(hidden, 'step')} before
          </Button>
        )
      }
    >
      <ol class="steps">
        {job.steps.slice(hidden).map((step) => (
          <StepItem
            key={step.index}
            step={step}
            job={job}
            current={step.index === at}
            runningSince={runningSince}
          />
        ))}
      </ol>
    </Card>
  );
}

interface StepProps {
  readonly step: Job['steps'][number];
  readonly job: Job;
  /** The job stands at it. */
  readonly current: boolean;
  readonly runningSince: string | null;
}

function StepItem(props: StepProps) {
  const { step, job, current } = props;
  const { index, name, status, attempts } = step;
  const { showArguments } = useSession();
  const [opened, open] = useState(current && showArguments === 'always');
  // Asked for when somebody wants to see them, and again when an attempt may have had others.
  const {
    data,
    error: unread,
    refresh,
  } = usePolled<JobAnswer>(opened ? 'job' : null, { gid: job.gid, args: 'true' }, 0, job.status + attempts);
  const error = current ? job.error : null;
  return (
    <li class={`step ${status}`} aria-current={current && job.endedAt === null ? 'step' : undefined}>
      <Shape tone={STEP_STATUS[status][0]} size={12} />
      <div class="step-body">
        <div class="step-line">
          <span class="step-name">{name}</span>
          <span class="step-facts">
            <StepFacts {...props} />
          </span>
          {showArguments !== 'never' && (
            <button
              type="button"
              class="button plain small"
              aria-expanded={opened}
              onClick={() => open(!opened)}
            >
              <span>
                {opened ? 'Hide arguments' : 'Arguments'}
                <span class="visually-hidden"> of {name}</span>
              </span>
            </button>
          )}
        </div>
        {error !== null && (
          <>
            {status !== 'failed' && attempts > 0 && <p class="hint">Its last attempt failed:</p>}
            <ErrorText text={error} />
          </>
        )}
        {opened &&
          (unread ? <Failure error={unread} retry={refresh} /> : <Arguments step={data?.job.steps[index]} />)}
      </div>
    </li>
  );
}

/** `Waiting · 3 attempts · next in 4 min` */
function StepFacts({ step: { status, attempts }, job: { dueAt }, current, runningSince }: StepProps) {
  return (
    <>
      <span>{STEP_STATUS[status][1]}</span>
      {attempts > 0 && <span class="step-attempts">{counted(attempts, 'attempt')}</span>}
      {current && status === 'running' && runningSince !== null && (
        <span>
          began <Time at={runningSince} />
        </span>
      )}
      {current && status === 'waiting' && dueAt !== null && (
        <span>
          {attempts > 0 ? 'next' : 'due'} <Time at={dueAt} />
        </span>
      )}
    </>
  );
}
