import type { StepsAnswer } from '../../api.js';
import type { PageProps } from '../app.js';
import { Card } from '../parts/card.js';
import { NotCounted } from '../parts/not-counted.js';
import { RangeTabs, RANGES, rangeOf } from '../parts/range.js';
import { useSession } from '../parts/session.js';
import { Failure, Unavailable } from '../parts/states.js';
import { useSteering } from '../parts/steering.js';
import { isCounted, minutesOf, sortedBy, STEP_COLUMNS } from '../parts/step-columns.js';
import { stepCount, StepTable, type Sorting } from '../parts/step-table.js';
import { usePolled } from '../polled.js';
import { replaceParameters, type Route } from '../route.js';

export function StepsPage({ route }: PageProps) {
  const { steps } = useSession().unavailable;
  return (
    <>
      <div class="head">
        <h1>Steps</h1>
        {steps === undefined && <RangeTabs route={route} />}
      </div>
      {steps === undefined ? (
        <Steps route={route} />
      ) : (
        <section class="card">
          <Unavailable reason={steps} />
        </section>
      )}
    </>
  );
}

function Steps({ route }: PageProps) {
  const { refreshMs } = useSession();
  const range = rangeOf(route);
  const { data, error, refresh } = usePolled<StepsAnswer>('steps', { range }, refreshMs);
  const { steer, dialog } = useSteering(refresh);
  const sorting = sortingOf(route);
  const minutes = minutesOf(range);
  const column = STEP_COLUMNS.find(({ key }) => key === sorting.key)!;
  const rows = data && sortedBy(data.steps, column, sorting.descending, minutes);
  const sort = (next: Sorting) =>
    replaceParameters('steps', {
      ...route.parameters,
      sort: next.key,
      order: next.descending ? 'desc' : 'asc',
    });
  return (
    <>
      <Failure error={error} retry={refresh} />
      <Card title={RANGES[range].text} note={stepCount(rows)}>
        <StepTable
          rows={rows}
          columns={STEP_COLUMNS}
          minutes={minutes}
          caption={`Steps, ${RANGES[range].text.toLowerCase()}`}
          steer={steer}
          sorting={sorting}
          onSort={(key) => sort(nextSorting(sorting, key))}
        />
      </Card>
      <div class="hint">
        {rows?.some((row) => !isCounted(row)) ? (
          <NotCounted />
        ) : (
          <p>
            Mean, p50, p95 and p99 tell how long attempts ran; wait, how long their jobs were due before. All
            percentiles are approximate, within a factor of 1.4.
          </p>
        )}
      </div>
      {dialog}
    </>
  );
}

function sortingOf({ parameters: { sort, order } }: Route): Sorting {
  const isKnown = STEP_COLUMNS.some(({ key }) => key === sort);
  return isKnown ? { key: sort!, descending: order === 'desc' } : { key: 'attempts', descending: true };
}

/** The same column again turns the order; names begin with A, numbers with the greatest. */
function nextSorting(sorting: Sorting, key: string): Sorting {
  return { key, descending: sorting.key === key ? !sorting.descending : key !== 'step' };
}
