import type { Job } from './job-query.js';
import { firstLine, isFailing, standsAt } from './job-query.js';
import { absolute } from '../format.js';
import { Gid } from './gid.js';
import { JobStatusBadge } from './status.js';
import { Time, useNow } from './time.js';

/** Jobs, a line each. */
export function JobTable({ jobs }: { readonly jobs: readonly Job[] }) {
  return (
    <table class="table stacks jobs-table">
      <thead>
        <tr>
          <th class="col-job">Job</th>
          <th class="col-step">Step</th>
          <th class="col-status">Status</th>
          <th class="col-attempts number">Attempts</th>
          <th>Last error</th>
          <th class="col-time">Created</th>
          <th class="col-time">Next / ended</th>
        </tr>
      </thead>
      <tbody>
        {jobs.map((job) => (
          <Row key={job.gid} job={job} />
        ))}
      </tbody>
    </table>
  );
}

function Row({ job }: { readonly job: Job }) {
  const { gid, name, status, steps, error, createdAt } = job;
  const at = standsAt(job);
  const step = steps[at];
  return (
    <tr>
      <td class="wide">
        <Gid gid={gid} />
        {name !== null && (
          <div class="quiet cut" title={name}>
            {name}
          </div>
        )}
      </td>
      <td class="wide col-step">
        <div class="cut" title={step?.name}>
          {step?.name ?? '–'}
        </div>
        <div class="quiet">
          {at + 1}/{steps.length}
        </div>
      </td>
      <td class="wide">
        <JobStatusBadge status={status} failing={isFailing(job)} />
      </td>
      <td class="number" data-label="Attempts">
        {step?.attempts ?? 0}
      </td>
      <td class="wide" data-label={error === null ? undefined : 'Last error'}>
        {error !== null && (
          <div class="job-error" title={error}>
            {firstLine(error)}
          </div>
        )}
      </td>
      <td class="quiet nowrap" data-label="Created">
        <Time at={createdAt} />
      </td>
      <td class="quiet nowrap" data-label={job.endedAt === null ? 'Next' : 'Ended'}>
        <Next job={job} running={step?.status === 'running'} />
      </td>
    </tr>
  );
}

/** While a step runs, its time is the end of a lease, which says nothing to anybody. */
function Next({ job: { endedAt, dueAt }, running }: { readonly job: Job; readonly running: boolean }) {
  const now = useNow();
  if (endedAt !== null) return <Time at={endedAt} />;
  if (running) return <>running</>;
  if (dueAt === null) return <>–</>;
  return Date.parse(dueAt) > now ? <Time at={dueAt} /> : <span title={absolute(dueAt)}>due</span>;
}
