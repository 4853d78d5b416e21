import type { JobAnswer } from '../../api.js';
import type { PageProps } from '../app.js';
import { duration } from '../format.js';
import { AuditTable } from '../parts/audit-table.js';
import { Card } from '../parts/card.js';
import { Copy } from '../parts/copy.js';
import { Explanation } from '../parts/explanation.js';
import { JobActions } from '../parts/job-actions.js';
import { isFailing, type Job } from '../parts/job-query.js';
import { useSession } from '../parts/session.js';
import { Empty, Failure } from '../parts/states.js';
import { JobStatusBadge } from '../parts/status.js';
import { StepTimeline } from '../parts/step-timeline.js';
import { Time, useNow } from '../parts/time.js';
import { usePolled } from '../polled.js';
import { href } from '../route.js';
import './job.css';

/** One job: why it is where it is, its steps, and what can be done to it. */
export function JobPage({ route: { id } }: PageProps) {
  const { refreshMs, unavailable } = useSession();
  const { data, error, refresh } = usePolled<JobAnswer>('job', { gid: id! }, refreshMs);
  if (error?.status === 404)
    return (
      <Empty title="There is no such job">
        <p>
          It has ended and was deleted since, or its id is not <code>{id}</code>.
        </p>
        <a href={href('jobs')}>All jobs</a>
      </Empty>
    );
  return (
    <>
      <div class="head job-head">
        <div>
          <h1>
            <span class="mono">{id}</span> <Copy text={id!} what="the id" />
          </h1>
          <p class="quiet">{data?.job.name ?? ' '}</p>
        </div>
        {data && <JobActions answer={data} onDone={refresh} />}
      </div>
      <Failure error={error} retry={refresh} />
      <Facts job={data?.job} />
      {data && (
        <>
          {data.explanation && <Explanation explanation={data.explanation} />}
          {unavailable.explain !== undefined && <p class="notice quiet">{unavailable.explain}</p>}
          <StepTimeline answer={data} />
          <Card title="Done by hand">
            {unavailable.audit !== undefined || data.audit.length === 0 ? (
              <p class="card-body quiet">{unavailable.audit ?? 'Nothing was done to this job by hand.'}</p>
            ) : (
              <AuditTable entries={data.audit} ofJob />
            )}
          </Card>
        </>
      )}
    </>
  );
}

function Facts({ job }: { readonly job: Job | undefined }) {
  return (
    <dl class="facts card" aria-busy={job === undefined}>
      <div>
        <dt>Status</dt>
        <dd>{job ? <JobStatusBadge status={job.status} failing={isFailing(job)} /> : '–'}</dd>
      </div>
      <div>
        <dt>Created</dt>
        <dd>{job ? <Time at={job.createdAt} /> : '–'}</dd>
      </div>
      <div>
        <dt>Ended</dt>
        <dd>{job?.endedAt ? <Time at={job.endedAt} /> : '–'}</dd>
      </div>
      <div>
        <dt>{job?.endedAt === null ? 'Open for' : 'Took'}</dt>
        <dd>{job ? <Lifetime job={job} /> : '–'}</dd>
      </div>
      {job?.trace !== undefined && (
        <div class="fact-trace">
          <dt>Trace</dt>
          <dd>
            <span class="mono cut">{job.trace}</span> <Copy text={job.trace} what="the trace id" />
          </dd>
        </div>
      )}
    </dl>
  );
}

function Lifetime({ job: { createdAt, endedAt } }: { readonly job: Job }) {
  const now = useNow();
  return <>{duration((endedAt === null ? now : Date.parse(endedAt)) - Date.parse(createdAt))}</>;
}
