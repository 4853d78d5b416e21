import { useState } from 'preact/hooks';
import type { DoneAnswer, JobAnswer } from '../../api.js';
import { post } from '../server.js';
import { Button } from './button.js';
import { Dialog } from './dialog.js';
import { EditDialog } from './edit-dialog.js';
import { standsAt, type Job } from './job-query.js';
import { usePermission, useSession } from './session.js';
import { tell } from './toasts.js';

type Open = 'retry' | 'edit' | 'skip' | 'cancel';

/** What can be done to a job as it stands. */
export function JobActions({
  answer: { job },
  onDone,
}: {
  readonly answer: JobAnswer;
  readonly onDone: () => void;
}) {
  const { retries } = useSession();
  const [asked, ask] = useState<{ readonly open: Open; readonly job: Job }>();
  const retry = usePermission('retry');
  const edit = usePermission('edit', 'edit');
  const skip = usePermission('skip', 'skip');
  const cancel = usePermission('cancel');
  const open = asked?.open;
  // What was asked stays the same while the job goes on.
  const shown = asked?.job ?? job;
  const { gid, status, steps } = shown;
  const index = standsAt(shown);
  const step = steps[index];
  const failed = status === 'failed';
  const alive = failed || status === 'submitted';
  const name = step?.name ?? 'It';

  const act = async (path: string, request: object, reason: string, text: string) => {
    const { changed } = await post<DoneAnswer>(path, { gid, ...request, ...(reason && { reason }) });
    tell({ text: changed ? text : 'The job had changed meanwhile.' });
    onDone();
  };
  const setOpen = (next: Open) => ask({ open: next, job });
  const onClose = () => ask(undefined);
  const questions = {
    retry: {
      title: 'Retry this job',
      confirm: 'Retry 1 job',
      optional: true,
      text: failed
        ? `${name} is attempted at once, with its attempts counted anew.`
        : `${name} is attempted now instead of when its wait is over.`,
      request: {},
      done: 'Retried: the next attempt begins at once.',
    },
    skip: {
      title: `Skip ${name}`,
      confirm: 'Skip 1 step',
      text: `It never runs for this job, which ${
        index === steps.length - 1
          ? 'succeeds, since it is the last step.'
          : `goes on with ${steps[index + 1]?.name}.`
      }`,
      request: { step: index },
      done: `Skipped ${name}.`,
    },
    cancel: {
      title: 'Cancel this job',
      confirm: 'Cancel 1 job',
      optional: true,
      danger: true,
      text: `${
        step?.status === 'running'
          ? 'The step that runs is not interrupted; the job stops before the next one.'
          : 'No further step runs.'
      } What its steps have done stays. A canceled job cannot be retried.`,
      request: {},
      done: 'Canceled.',
    },
  };
  const question = open && open !== 'edit' && questions[open];
  return (
    <div class="actions">
      {retry.allowed && status === retries && (
        <Button kind={failed ? 'primary' : ''} onClick={() => setOpen('retry')}>
          Retry now
        </Button>
      )}
      {retry.allowed && edit.allowed && (failed || (edit.unavailable !== undefined && alive)) && (
        <Button unavailable={edit.unavailable} onClick={() => setOpen('edit')}>
          Edit and retry…
        </Button>
      )}
      {skip.allowed && (failed || (alive && step?.status === 'waiting')) && (
        <Button unavailable={skip.unavailable} onClick={() => setOpen('skip')}>
          Skip step…
        </Button>
      )}
      {cancel.allowed && alive && <Button onClick={() => setOpen('cancel')}>Cancel job…</Button>}

      {open && question && (
        <Dialog
          {...question}
          text={<p>{question.text}</p>}
          onConfirm={(reason) => act(open, question.request, reason, question.done)}
          onClose={onClose}
        />
      )}
      {open === 'edit' && (
        <EditDialog
          gid={gid}
          index={index}
          name={name}
          onConfirm={(args, reason) =>
            act('retry', { args, step: index }, reason, 'Retried with the edited arguments.')
          }
          onClose={onClose}
        />
      )}
    </div>
  );
}
