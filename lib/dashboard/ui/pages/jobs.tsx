import { useRef, useState } from 'preact/hooks';
import type { JobsAnswer, JobsQuery, OverviewAnswer } from '../../api.js';
import type { PageProps } from '../app.js';
import { BulkDialog } from '../parts/bulk-dialog.js';
import { CreatedFilter, JobChips } from '../parts/job-filters.js';
import { readJobsQuery } from '../parts/job-query.js';
import { JobSearch } from '../parts/job-search.js';
import { JobTable } from '../parts/job-table.js';
import { JobTabs } from '../parts/job-tabs.js';
import { JobsHead, type JobsAction } from '../parts/jobs-head.js';
import { JobsPlaceholder, NoJobs } from '../parts/no-jobs.js';
import { Pages } from '../parts/pages.js';
import { useSession } from '../parts/session.js';
import { Failure, NotAsked } from '../parts/states.js';
import { usePolled } from '../polled.js';
import { href, navigate } from '../route.js';
import './jobs.css';

const PAGE_SIZE = '50';

/** All jobs, found by their state and by what they carry. The address holds the whole question. */
export function JobsPage({ route }: PageProps) {
  const { refreshMs, unavailable } = useSession();
  const query = readJobsQuery(route.parameters);
  const { cursor } = route.parameters;
  const parameters = { ...query, cursor, limit: PAGE_SIZE };
  const { data, error, refresh } = usePolled<JobsAnswer>('jobs', parameters, cursor ? 0 : refreshMs);
  const overview = usePolled<OverviewAnswer>(unavailable.overview ? null : 'overview', {}, refreshMs);
  const shown = useLast(data);
  const jobs = shown?.jobs ?? [];
  const [action, setAction] = useState<{ readonly action: JobsAction; readonly filter: JobsQuery }>();

  const filterBy = (changes: object) => navigate(href('jobs', { ...query, ...changes }));
  const refreshAll = () => {
    refresh();
    overview.refresh();
  };
  return (
    <>
      <h1>Jobs</h1>
      <div class="jobs-filters">
        <JobTabs query={query} counts={overview.data?.overview} />
        <div class="jobs-search">
          <JobSearch onFilter={filterBy} />
          <CreatedFilter query={query} onFilter={filterBy} />
        </div>
        <JobChips query={query} onFilter={filterBy} />
      </div>
      <Failure error={error} retry={refresh} />
      <NotAsked answer={shown} />
      {(shown ?? !error) && (
        <section class="card" aria-label="Jobs" aria-busy={data === undefined}>
          <JobsHead
            query={query}
            page={shown}
            onAction={(chosen) => setAction({ action: chosen, filter: query })}
          />
          {shown === undefined ? (
            <JobsPlaceholder />
          ) : jobs.length > 0 ? (
            <JobTable jobs={jobs} />
          ) : (
            <NoJobs query={query} further={shown.cursor !== undefined} later={cursor !== undefined} />
          )}
          <Pages
            page="jobs"
            query={{ ...query }}
            cursor={cursor}
            next={shown?.cursor}
            empty={jobs.length === 0}
          />
        </section>
      )}
      {action && <BulkDialog {...action} onDone={refreshAll} onClose={() => setAction(undefined)} />}
    </>
  );
}

/** The answer before, until there is another: a table that goes away and comes back is harder to read than one that is late. */
function useLast<T>(value: T | undefined): T | undefined {
  const last = useRef(value);
  if (value !== undefined) last.current = value;
  return last.current;
}
