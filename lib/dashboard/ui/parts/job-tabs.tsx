import type { JobsQuery, OverviewAnswer } from '../../api.js';
import { bounded } from '../format.js';
import { href } from '../route.js';
import { Button } from './button.js';
import { useSession } from './session.js';

type Counts = NonNullable<OverviewAnswer['overview']>;
type Bounded = Counts['due'];

const TABS: readonly (readonly [
  string,
  Pick<JobsQuery, 'status' | 'failing'>,
  ((counts: Counts) => Bounded)?,
])[] = [
  ['All', {}],
  ['Open', { status: 'submitted' }, ({ due, held, waiting }) => sum(due, held, waiting)],
  ['Failing', { failing: 'true' }],
  ['Failed', { status: 'failed' }, ({ failed }) => failed],
  ['Prepared', { status: 'prepared' }, ({ prepared }) => prepared],
  ['Succeeded', { status: 'succeeded' }],
  ['Canceled', { status: 'canceled' }],
  ['Rolled back', { status: 'rolledBack' }],
];

/** The states of jobs. Numbers are those that the overview knows; nothing is counted for their sake. */
export function JobTabs({
  query,
  counts,
}: {
  readonly query: JobsQuery;
  readonly counts: Counts | null | undefined;
}) {
  const { unavailable } = useSession();
  return (
    <nav class="tabs" aria-label="States">
      {TABS.map(([text, state, countOf]) => {
        const open = query.status === state.status && query.failing === state.failing;
        const reason = state.failing && unavailable.byStep;
        if (reason)
          return (
            <Button key={text} kind="plain" unavailable={reason}>
              {text}
            </Button>
          );
        return (
          <a
            key={text}
            class="tab"
            href={href('jobs', { ...query, status: undefined, failing: undefined, ...state })}
            aria-current={open ? 'page' : undefined}
          >
            {text}
            {countOf && !unavailable.overview && (
              <span class={`badge${state.status === 'failed' && counts?.failed.count ? ' red' : ' grey'}`}>
                {counts ? bounded(countOf(counts)) : ' '}
              </span>
            )}
          </a>
        );
      })}
    </nav>
  );
}

function sum(...counts: readonly Bounded[]): Bounded {
  return {
    count: counts.reduce((all, { count }) => all + count, 0),
    more: counts.some(({ more }) => more),
  };
}
