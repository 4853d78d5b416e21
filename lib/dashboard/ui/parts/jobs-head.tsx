import type { JobsAnswer, JobsQuery } from '../../api.js';
import { counted } from '../format.js';
import { Button } from './button.js';
import { usePermission } from './session.js';

/** What can be done to all that match. */
export type JobsAction = 'retry' | 'cancel';

/** Above the table: how much of it is shown, and what can be done to all that match. */
export function JobsHead({
  query: { status },
  page,
  onAction,
}: {
  readonly query: JobsQuery;
  readonly page: JobsAnswer | undefined;
  readonly onAction: (action: JobsAction) => void;
}) {
  const failed = status === undefined || status === 'failed';
  return (
    <div class="card-head jobs-head">
      <h2 class="quiet" aria-live="polite">
        {page && counted(page.jobs.length, 'job') + (page.cursor === undefined ? '' : ' on this page')}
      </h2>
      {failed && <ActOnAll action="retry" verb="Retry" onAction={onAction} />}
      {(failed || status === 'submitted') && <ActOnAll action="cancel" verb="Cancel" onAction={onAction} />}
    </div>
  );
}

function ActOnAll({
  action,
  verb,
  onAction,
}: {
  readonly action: JobsAction;
  readonly verb: string;
  readonly onAction: (action: JobsAction) => void;
}) {
  const { allowed, unavailable } = usePermission(action, 'bulk');
  if (!allowed) return null;
  return (
    <Button small label={`${verb} all that match`} unavailable={unavailable} onClick={() => onAction(action)}>
      <span>
        {verb} all<span class="narrow-off"> that match</span>…
      </span>
    </Button>
  );
}
