import { Copy } from './copy.js';
import type { Job } from './job-query.js';

/** What the server puts in place of what it masks. */
export const MASK = '••••••';

const ERRORS = {
  KEY_UNKNOWN: 'The application does not have the key that these arguments were encoded with.',
  CORRUPT: 'These arguments are damaged and cannot be read.',
};

/** The arguments of a step. What is masked is marked. */
export function Arguments({ step }: { readonly step: Job['steps'][number] | undefined }) {
  if (!step) return <p class="quiet">Loading…</p>;
  if (step.argsError) return <p class="field-error">{ERRORS[step.argsError]}</p>;
  const text = JSON.stringify(step.args, null, 2) as string | undefined;
  if (text === undefined) return <p class="quiet">This step has no arguments.</p>;
  return (
    <div class="arguments">
      <pre tabIndex={0}>
        {text.split(MASK).flatMap((part, index) =>
          index === 0
            ? [part]
            : [
                <mark key={index} title="Masked: it does not leave the server">
                  {MASK}
                </mark>,
                part,
              ],
        )}
      </pre>
      <Copy text={text} what="the arguments" />
    </div>
  );
}
