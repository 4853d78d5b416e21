import { useEffect, useId, useState } from 'preact/hooks';
import type { JobAnswer } from '../../api.js';
import { get } from '../server.js';
import { MASK } from './arguments.js';
import { Dialog } from './dialog.js';

/** Retries a job with other arguments of the step that failed. */
export function EditDialog({
  gid,
  index,
  name,
  onConfirm,
  onClose,
}: {
  readonly gid: string;
  readonly index: number;
  readonly name: string;
  readonly onConfirm: (args: unknown, reason: string) => Promise<void>;
  readonly onClose: () => void;
}) {
  const id = useId();
  const [stored, setStored] = useState<string>();
  const [text, setText] = useState('');
  const [unreadable, setUnreadable] = useState<string>();
  const problem = problemOf(text);
  const changed = stored !== undefined && text !== stored;
  const wrong = unreadable ?? (changed ? problem : undefined);

  useEffect(() => {
    get<JobAnswer>('job', { gid, args: 'true' }).then(
      ({ job }) => {
        const { args, argsError } = job.steps[index]!;
        if (argsError) return setUnreadable('The stored arguments cannot be read.');
        const shown = JSON.stringify(args ?? null, null, 2);
        setStored(shown);
        setText(shown);
      },
      (error: Error) => setUnreadable(error.message),
    );
  }, []);

  return (
    <Dialog
      title={`Edit and retry ${name}`}
      confirm="Retry 1 job"
      wide
      optional
      ready={changed && problem === undefined}
      onConfirm={(reason) => onConfirm(JSON.parse(text), reason)}
      onClose={onClose}
      text={
        <>
          <p>
            The step is attempted at once with these arguments, and with a new idempotency key, since its
            target may know the old one with other data.
          </p>
          <label class="field">
            Arguments, as JSON
            <textarea
              class="input"
              rows={12}
              spellcheck={false}
              readOnly={stored === undefined}
              aria-invalid={wrong !== undefined}
              aria-describedby={id}
              value={text}
              onInput={(event) => setText(event.currentTarget.value)}
            />
          </label>
          <p id={id} class={wrong ? 'field-error' : 'hint'} role="status">
            {wrong ?? (stored === undefined && 'Loading…')}
            {stored?.includes(MASK) && ` What is left as ${MASK} keeps what is stored.`}
          </p>
        </>
      }
    />
  );
}

function problemOf(text: string): string | undefined {
  try {
    JSON.parse(text);
    return undefined;
  } catch (error) {
    return `This is no valid JSON: ${(error as Error).message}`;
  }
}
