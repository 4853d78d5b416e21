import { useEffect } from 'preact/hooks';
import type { FunctionComponent } from 'preact';
import type { SessionAnswer } from '../api.js';
import { AuditPage } from './pages/audit.js';
import { JobPage } from './pages/job.js';
import { JobsPage } from './pages/jobs.js';
import { OverviewPage } from './pages/overview.js';
import { ProcessesPage } from './pages/processes.js';
import { StepsPage } from './pages/steps.js';
import { keepSession } from './parts/session.js';
import { Empty, Failure } from './parts/states.js';
import { Toasts } from './parts/toasts.js';
import { usePolled } from './polled.js';
import { href, useRoute, type Route } from './route.js';

/** What every page is given. */
export interface PageProps {
  readonly route: Route;
}

const PAGES: Readonly<Record<string, readonly [string, FunctionComponent<PageProps>]>> = {
  overview: ['Overview', OverviewPage],
  jobs: ['Jobs', JobsPage],
  steps: ['Steps', StepsPage],
  processes: ['Processes', ProcessesPage],
  audit: ['Audit', AuditPage],
};

const JOB: (typeof PAGES)[string] = ['Job', JobPage];

export function App() {
  const route = useRoute();
  const { data: session, error, refresh } = usePolled<SessionAnswer>('session', {}, 0);
  // Also of `constructor`, there is none.
  const { 0: title = '', 1: Page } = route.page === 'job' ? JOB : (PAGES[route.page] ?? []);
  const application = session?.title ?? 'Stepping';
  if (session) keepSession(session);

  useEffect(() => {
    document.title = title === '' ? application : `${title} · ${application}`;
  }, [title, application]);

  return (
    <>
      <a class="skip-link" href="#content" onClick={toContent}>
        Skip to content
      </a>
      <Bar route={route} session={session} />
      <main id="content" class="main" tabIndex={-1}>
        <Failure error={error} retry={refresh} />
        {session && Page && <Page key={route.id ?? route.page} route={route} />}
        {session && !Page && (
          <Empty title="There is no such page">
            <a href={href('overview')}>Back to the overview</a>
          </Empty>
        )}
      </main>
      <Toasts />
    </>
  );
}

function Bar({ route, session }: { readonly route: Route; readonly session: SessionAnswer | undefined }) {
  const open = route.page === 'job' ? 'jobs' : route.page;
  return (
    <header class="bar">
      <div class="bar-inner">
        <a class="brand" href={href('overview')}>
          <svg
            width="20"
            height="20"
            viewBox="0 0 20 20"
            fill="none"
            stroke="var(--accent)"
            stroke-width="2.5"
            aria-hidden="true"
          >
            <path d="M2 17h5v-5h5V7h5V2" stroke-linejoin="round" stroke-linecap="round" />
          </svg>
          {session?.title ?? 'Stepping'}
        </a>
        <nav class="nav" aria-label="Pages">
          {Object.entries(PAGES).map(([page, [text]]) => (
            <a key={page} href={href(page)} aria-current={page === open ? 'page' : undefined}>
              {text}
            </a>
          ))}
        </nav>
        {session?.environment && (
          <span
            class="badge grey environment"
            style={{ '--environment': session.environment.color ?? 'var(--grey-wash)' }}
          >
            {session.environment.label}
          </span>
        )}
      </div>
    </header>
  );
}

function toContent(event: Event): void {
  event.preventDefault();
  document.getElementById('content')?.focus();
}
