import type { OverviewAnswer, TimelineAnswer } from '../../api.js';
import type { PageProps } from '../app.js';
import { NeedsAttention } from '../parts/attention.js';
import { Card } from '../parts/card.js';
import { Chart } from '../parts/chart.js';
import { Health } from '../parts/health.js';
import { NotCounted } from '../parts/not-counted.js';
import { RangeTabs, rangeOf } from '../parts/range.js';
import { useSession } from '../parts/session.js';
import { Empty, Failure, Unavailable } from '../parts/states.js';
import { useSteering } from '../parts/steering.js';
import { BUSY_COLUMNS, minutesOf } from '../parts/step-columns.js';
import { StepTable } from '../parts/step-table.js';
import { Strip } from '../parts/strip.js';
import { usePolled } from '../polled.js';
import { href } from '../route.js';

const BUSIEST = 8;

export function OverviewPage({ route }: PageProps) {
  const { refreshMs, unavailable } = useSession();
  const { data, error, refresh } = usePolled<OverviewAnswer>(
    unavailable.overview === undefined ? 'overview' : null,
    {},
    refreshMs,
  );
  // A transaction manager may tell of jobs alone.
  if (unavailable.overview !== undefined)
    return (
      <>
        <h1>Overview</h1>
        <section class="card">
          <Unavailable reason={unavailable.overview} />
        </section>
      </>
    );
  return (
    <>
      <div class="head">
        <h1>Overview</h1>
        <Health health={data?.health} />
      </div>
      <Failure error={error} retry={refresh} />
      <Strip answer={data} />
      <NeedsAttention answer={data} onDone={refresh} />
      <Attempts route={route} isCounted={data?.overview?.lastMinute !== null} />
      <BusiestSteps answer={data} onDone={refresh} />
    </>
  );
}

function Attempts({ route, isCounted }: PageProps & { readonly isCounted: boolean }) {
  const { refreshMs, unavailable } = useSession();
  const range = rangeOf(route);
  const { data, error, refresh } = usePolled<TimelineAnswer>(
    unavailable.timeline === undefined && isCounted ? 'timeline' : null,
    { range },
    refreshMs,
  );
  return (
    <Card title="Attempts" aside={<RangeTabs route={route} />}>
      <Failure error={error} retry={refresh} />
      {unavailable.timeline !== undefined ? (
        <Unavailable reason={unavailable.timeline} />
      ) : isCounted ? (
        <Chart timeline={data} range={range} />
      ) : (
        <Empty title="Attempts are not known">
          <NotCounted />
        </Empty>
      )}
    </Card>
  );
}

function BusiestSteps({
  answer,
  onDone,
}: {
  readonly answer: OverviewAnswer | undefined;
  readonly onDone: () => void;
}) {
  const { steer, dialog } = useSteering(onDone);
  return (
    <Card title="Busiest steps" note="last hour" aside={<a href={href('steps')}>All steps</a>}>
      <StepTable
        rows={answer?.steps.slice(0, BUSIEST)}
        columns={BUSY_COLUMNS}
        minutes={minutesOf('1h')}
        caption="The busiest steps of the last hour"
        steer={steer}
      />
      {dialog}
    </Card>
  );
}
