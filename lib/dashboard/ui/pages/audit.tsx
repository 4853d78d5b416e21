import type { AuditAnswer } from '../../api.js';
import type { PageProps } from '../app.js';
import { AuditFilters } from '../parts/audit-filters.js';
import { AuditTable } from '../parts/audit-table.js';
import { Pages } from '../parts/pages.js';
import { useSession } from '../parts/session.js';
import { Empty, Failure, NotAsked, Unavailable } from '../parts/states.js';
import { usePolled } from '../polled.js';
import { href } from '../route.js';
import './audit.css';

export function AuditPage({ route: { parameters } }: PageProps) {
  const { refreshMs, unavailable } = useSession();
  const { action, by, step, gid, cursor } = parameters;
  const filter = { action, by, step, gid };
  const off = unavailable.audit;
  // What is older does not change.
  const every = cursor === undefined ? refreshMs : 0;
  const { data, error, refresh } = usePolled<AuditAnswer>(off ? null : 'audit', { ...filter, cursor }, every);
  return (
    <>
      <div class="head">
        <h1>Audit</h1>
        <p class="quiet">What was done by hand. Entries are kept for 90 days.</p>
      </div>
      {!off && <AuditFilters filter={filter} />}
      <Failure error={error} retry={refresh} />
      <NotAsked answer={data} />
      <section class="card tall" aria-label="Audit" aria-busy={!off && !data}>
        {off && <Unavailable reason={off} />}
        {data?.entries.length === 0 && <NoEntries filtered={Object.values(filter).some(Boolean)} />}
        {data && data.entries.length > 0 && <AuditTable entries={data.entries} />}
        <Pages page="audit" query={filter} cursor={cursor} next={data?.cursor} />
      </section>
    </>
  );
}

function NoEntries({ filtered }: { readonly filtered: boolean }) {
  if (filtered) {
    return (
      <Empty title="No entry fits these filters">
        <a href={href('audit')}>Show all entries</a>
      </Empty>
    );
  }
  return (
    <Empty title="Nothing was done by hand yet">
      <p>Whoever retries, cancels or skips a job, or pauses a step, is noted here with the reason.</p>
    </Empty>
  );
}
