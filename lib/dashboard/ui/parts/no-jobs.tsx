import type { JobsQuery } from '../../api.js';
import { href } from '../route.js';
import { chipsOf } from './job-query.js';
import { Empty } from './states.js';
import { JOB_STATUS } from './status.js';

/** No job on this page: why, and what to do. */
export function NoJobs({
  query,
  further,
  later,
}: {
  readonly query: JobsQuery;
  /** Older jobs were not looked at. */
  readonly further: boolean;
  /** This is not the first page. */
  readonly later: boolean;
}) {
  const { status, failing, name } = query;
  if (further)
    return (
      <Empty title="None among those that were looked at">
        <p>Older ones may match.</p>
      </Empty>
    );
  if (later) return <Empty title="No older jobs match" />;
  const state = failing ? 'failing' : status && JOB_STATUS[status][1].toLowerCase();
  if (chipsOf(query).length > 0)
    return (
      <Empty title={state ? `No ${state} job matches` : 'No job matches'}>
        {name && <p>No label is exactly “{name}”.</p>}
        <a href={href('jobs', { status, failing })}>Clear the filters</a>
      </Empty>
    );
  if (state === undefined)
    return (
      <Empty title="No jobs yet">
        <p>They are shown here as soon as the application starts one.</p>
      </Empty>
    );
  return (
    <Empty title={`No job is ${state}`}>
      <a href={href('jobs')}>Show all jobs</a>
    </Empty>
  );
}

/** Before the first answer. */
export function JobsPlaceholder() {
  return (
    <p class="empty placeholder" role="status">
      Loading…
    </p>
  );
}
