import type { ProcessesAnswer } from '../../api.js';
import type { PageProps } from '../app.js';
import { counted, duration, integer } from '../format.js';
import { Capacity } from '../parts/capacity.js';
import { useSession } from '../parts/session.js';
import { Empty, Failure, Unavailable } from '../parts/states.js';
import { Badge } from '../parts/status.js';
import { Time, useNow } from '../parts/time.js';
import { usePolled } from '../polled.js';
import { href, jobHref } from '../route.js';
import './processes.css';

type Process = ProcessesAnswer['processes'][number];

const STATES = {
  alive: ['green', 'Alive'],
  stopping: ['amber', 'Stopping'],
  gone: ['red', 'Gone'],
} as const;

export function ProcessesPage(_props: PageProps) {
  const { refreshMs, unavailable } = useSession();
  const off = unavailable.processes;
  const { data, error, refresh } = usePolled<ProcessesAnswer>(off ? null : 'processes', {}, refreshMs);
  return (
    <>
      <div class="head">
        <h1>Processes</h1>
        <p class="quiet">{data && summary(data.processes)}</p>
      </div>
      <Failure error={error} retry={refresh} />
      <section class="card process-card" aria-label="Processes" aria-busy={!off && !data}>
        {off && <Unavailable reason={off} />}
        {data?.processes.length === 0 && (
          <Empty title="No process has told of itself">
            <p>
              Each process of the application does so every 10 seconds, unless it has{' '}
              <code>monitoring: false</code>.
            </p>
          </Empty>
        )}
        {data && data.processes.length > 0 && <ProcessTable processes={data.processes} />}
      </section>
    </>
  );
}

function ProcessTable({ processes }: { readonly processes: readonly Process[] }) {
  return (
    <table class="table stacks process-table">
      <thead>
        <tr>
          <th>Process</th>
          <th>At work</th>
          <th class="number">Jobs held</th>
          <th>Seen</th>
          <th>Looked for due jobs</th>
          <th>Started</th>
          <th>Version</th>
        </tr>
      </thead>
      <tbody>
        {[...processes].sort(inOrder).map((process) => (
          <Row key={process.id} process={process} />
        ))}
      </tbody>
    </table>
  );
}

function Row({ process }: { readonly process: Process }) {
  const { state, held, recoveredAt } = process;
  const left = state === 'gone' && held > 0;
  const [tone, text] = state === 'gone' && !left ? (['grey', 'Gone'] as const) : STATES[state];
  return (
    <tr>
      <td class="wide">
        <div class="process-name">
          <strong class="mono">{process.name}</strong>
          <Badge tone={tone} text={text} />
        </div>
        {left && <p class="hint">Others take its {counted(held, 'job')} over when the leases end.</p>}
        <Steps process={process} />
      </td>
      <td class="wide">
        <AtWork process={process} />
      </td>
      <td class="number" data-label="Jobs held">
        {integer(held)}
      </td>
      <td data-label="Seen">
        <Time at={process.seenAt} />
      </td>
      <td data-label="Looked for due jobs">
        {process.runsSteps && recoveredAt ? <Time at={recoveredAt} /> : <span class="quiet">–</span>}
      </td>
      <td data-label="Started">
        <Time at={process.startedAt} />
      </td>
      <td data-label="Version">{process.version}</td>
    </tr>
  );
}

function Steps({ process: { steps, runsSteps } }: { readonly process: Process }) {
  if (!runsSteps) return <p class="hint">Runs no steps; it starts jobs.</p>;
  return (
    <details class="fold">
      <summary>Provides {counted(steps.length, 'step')}</summary>
      <ul>
        {steps.map((step) => (
          <li key={step}>
            <a class="mono" href={href('jobs', { step })}>
              {step}
            </a>
          </li>
        ))}
      </ul>
    </details>
  );
}

function AtWork({ process }: { readonly process: Process }) {
  const now = useNow();
  const { busy, running, runsSteps, state } = process;
  if (!runsSteps) return <span class="quiet">–</span>;
  const [longest] = busy;
  return (
    <>
      <Capacity process={process} />
      {longest ? (
        <details class="fold">
          <summary>
            {state === 'gone' ? 'It ran ' : ''}
            <span class="mono">{longest.step}</span> for {age(longest.since, process, now)}
          </summary>
          <ul class="busy">
            {busy.map(({ gid, step, since }) => (
              <li key={gid + step}>
                <a class="mono cut" href={jobHref(gid)}>
                  {gid}
                </a>
                <span class="mono quiet">{step}</span>
                <span class="number">{age(since, process, now)}</span>
              </li>
            ))}
          </ul>
          {running > busy.length && <p class="hint">These are the longest {integer(busy.length)}.</p>}
        </details>
      ) : (
        <p class="hint">{state === 'gone' ? 'Nothing ran.' : 'Nothing runs.'}</p>
      )}
    </>
  );
}

/** Of a process that is gone, as far as it has told. */
function age(since: string, { state, seenAt }: Process, now: number): string {
  return duration((state === 'gone' ? Date.parse(seenAt) : now) - Date.parse(since));
}

/** What others have to take over comes first, then whoever works. */
function inOrder(one: Process, other: Process): number {
  return rank(one) - rank(other) || one.name.localeCompare(other.name, 'en', { numeric: true });
}

function rank({ state, held, runsSteps }: Process): number {
  if (state === 'gone') return held > 0 ? 0 : 3;
  return runsSteps ? 1 : 2;
}

function summary(processes: readonly Process[]): string {
  const parts = (['alive', 'stopping', 'gone'] as const)
    .map((state) => [processes.filter((process) => process.state === state).length, state] as const)
    .filter(([count, state]) => count > 0 || state === 'alive');
  return parts.map(([count, state]) => `${integer(count)} ${state}`).join(' · ');
}
