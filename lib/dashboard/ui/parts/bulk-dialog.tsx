import { useEffect, useState } from 'preact/hooks';
import type { BulkAnswer, BulkRequest, JobsQuery } from '../../api.js';
import { counted, integer } from '../format.js';
import { post } from '../server.js';
import { Button } from './button.js';
import { Dialog } from './dialog.js';
import { CHIP_TEXTS, chipsOf } from './job-query.js';
import { Select } from './select.js';
import { missingText } from './states.js';
import { JOB_STATUS } from './status.js';
import { tell } from './toasts.js';

const SPREADS = [
  ['', 'At once'],
  ['1m', 'Over 1 minute'],
  ['10m', 'Over 10 minutes'],
  ['1h', 'Over 1 hour'],
] as const;

const TEXTS = {
  retry: [
    'Retry',
    'Retried',
    'failed jobs',
    'Each goes on at the step that failed, with its attempts counted anew.',
  ],
  cancel: [
    'Cancel',
    'Canceled',
    'open and failed jobs',
    'Each stops before its next step; what its steps have done stays. A canceled job cannot be retried.',
  ],
} as const;

/** Acts on all jobs that a filter finds. It first asks how many they are. */
export function BulkDialog({
  action,
  filter,
  onDone,
  onClose,
}: {
  readonly action: 'retry' | 'cancel';
  readonly filter: JobsQuery;
  readonly onDone: () => void;
  readonly onClose: () => void;
}) {
  const [verb, done, which, text] = TEXTS[action];
  const [spread, setSpread] = useState('');
  const [found, setFound] = useState<BulkAnswer>();
  const [error, setError] = useState<string>();
  const jobs = found && counted(found.matched, 'job');
  const send = (request: Omit<BulkRequest, 'filter'>, before = filter.before) =>
    post<BulkAnswer>(`${action}-all`, { ...request, filter: { ...filter, before } });
  const count = () => {
    setError(undefined);
    send({ reason: 'How many?', dryRun: true }).then(setFound, (thrown: Error) => setError(thrown.message));
  };
  useEffect(count, []);

  /** Those that were counted: where others match by now, nothing is done, and they are counted again. */
  const act = async (reason: string) => {
    const request = { reason, dryRun: false, counted: found!.matched, ...(spread && { spread }) };
    const { matched, changed, missing } = await send(request, found!.before).catch((thrown: Error) => {
      count();
      throw thrown;
    });
    const left = matched - changed;
    const rest = left > 0 ? ` ${integer(left)} had changed meanwhile and were left alone.` : '';
    tell({ text: `${done} ${counted(changed, 'job')}.${rest} ${missingText(missing)}`.trim() });
    onDone();
  };

  return (
    <Dialog
      title={`${verb} all that match`}
      confirm={jobs ? `${verb} ${jobs}` : verb}
      danger={action === 'cancel'}
      ready={found !== undefined && found.matched > 0}
      onConfirm={act}
      onClose={onClose}
      text={
        <>
          <div class="bulk-number" role="status">
            {error === undefined ? (
              <>
                <strong>{jobs ?? 'Counting…'}</strong>
                <span class="quiet">{words(filter, which)}</span>
              </>
            ) : (
              <>
                <span class="field-error">{error}</span>
                <Button small onClick={count}>
                  Count again
                </Button>
              </>
            )}
          </div>
          {found?.matched === 0 && <p>There is nothing to {action}.</p>}
          {found?.more && <p>More jobs match: do it again for them.</p>}
          <p class="hint">{text}</p>
        </>
      }
    >
      {action === 'retry' && !filter.error && !filter.args && (
        <label class="field">
          Start them
          <Select value={spread} options={SPREADS} onChoose={setSpread} />
          <span class="hint">Spread many, so that what failed is not flooded again.</span>
        </label>
      )}
    </Dialog>
  );
}

/** `Failed · step charge-card`; without conditions, which jobs can match at all. */
function words(filter: JobsQuery, which: string): string {
  const parts = chipsOf(filter).map(([key, value]) => `${CHIP_TEXTS[key]} ${value}`);
  if (filter.failing) parts.unshift('failing');
  if (filter.status) parts.unshift(JOB_STATUS[filter.status][1]);
  return parts.length === 0 ? `All ${which}` : parts.join(' · ');
}
