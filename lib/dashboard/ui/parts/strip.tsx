import type { ComponentChildren } from 'preact';
import type { OverviewAnswer } from '../../api.js';
import { bounded, counted, duration, integer, percent } from '../format.js';
import { href } from '../route.js';
import './strip.css';

/** The state of the fleet at a glance. What was done comes first, so that a fast one does not look dead. */
export function Strip({ answer }: { readonly answer: OverviewAnswer | undefined }) {
  return (
    <dl class="strip card">
      {answer?.overview ? (
        <Numbers overview={answer.overview} health={answer.health} />
      ) : (
        NAMES.map((name) => <Cell key={name} name={name} {...(answer && { value: '–' })} />)
      )}
    </dl>
  );
}

type Overview = NonNullable<OverviewAnswer['overview']>;

const NAMES = [
  'Attempts, last minute',
  'Due now',
  'Oldest due',
  'Held',
  'Waiting',
  'Failed',
  'Processes',
  'Recovery',
];
/** Nothing is counted, or it could not be read. */
const NOT_KNOWN = 'not known yet';
/** From this share on, failures are shown in red. */
export const FAILING = 0.1;
const OPEN = href('jobs', { status: 'submitted' });

function Numbers({
  overview,
  health,
}: {
  readonly overview: Overview;
  readonly health: OverviewAnswer['health'];
}) {
  const { due, oldestDueMs, held, waiting, prepared, failed, running, processes, recoveredAt } = overview;
  const problems = new Set(health?.problems.map(({ code }) => code));
  const noWorkers = problems.has('NO_WORKERS');
  return (
    <>
      <LastMinute numbers={overview.lastMinute} />
      <Cell
        name="Due now"
        value={bounded(due)}
        to={due.count > 0 ? OPEN : undefined}
        note="could begin now"
      />
      <Cell
        name="Oldest due"
        value={oldestDueMs === null ? '–' : duration(oldestDueMs)}
        tone={problems.has('JOBS_WAIT_TOO_LONG') ? 'amber' : undefined}
        note={oldestDueMs === null ? 'nothing waits' : 'for this long'}
      />
      <Cell
        name="Held"
        value={bounded(held)}
        to={held.count > 0 ? OPEN : undefined}
        note={running === null ? 'by processes' : `${integer(running)} running`}
      />
      <Cell
        name="Waiting"
        value={bounded(waiting)}
        to={waiting.count > 0 ? OPEN : undefined}
        note={prepared.count > 0 ? `${bounded(prepared)} prepared` : 'for a later time'}
      />
      <Cell
        name="Failed"
        value={bounded(failed)}
        tone={failed.count > 0 ? 'red' : undefined}
        to={failed.count > 0 ? href('jobs', { status: 'failed' }) : undefined}
        note={failed.count > 0 ? 'need somebody' : 'none'}
      />
      <Cell
        name="Processes"
        value={processes === null ? '–' : integer(processes)}
        tone={noWorkers ? 'red' : undefined}
        to={processes === null ? undefined : href('processes')}
        note={processes === null ? NOT_KNOWN : noWorkers ? 'none runs steps' : 'alive'}
      />
      <Cell
        name="Recovery"
        value={recoveredAt === null ? '–' : age(overview.at, recoveredAt)}
        tone={problems.has('RECOVERY_STOPPED') ? 'red' : undefined}
        note={recoveredAt !== null ? 'since last look' : processes === null ? NOT_KNOWN : 'nobody has looked'}
      />
    </>
  );
}

function LastMinute({ numbers }: { readonly numbers: Overview['lastMinute'] }) {
  const name = 'Attempts, last minute';
  if (numbers === null) return <Cell name={name} value="–" note={NOT_KNOWN} />;
  const { succeeded, failed, jobsSucceeded } = numbers;
  const attempts = succeeded + failed;
  const share = attempts && failed / attempts;
  // One text: what stood after the share would move with it.
  const note = `${percent(share)} failed, ${counted(jobsSucceeded, 'job')} done`;
  return (
    <Cell
      name={name}
      value={integer(attempts)}
      note={<span class={share >= FAILING ? 'failing' : undefined}>{note}</span>}
    />
  );
}

function Cell({
  name,
  value = '\u00a0',
  note = '\u00a0',
  tone = '',
  to,
}: {
  readonly name: string;
  readonly value?: string;
  readonly note?: ComponentChildren;
  readonly tone?: 'red' | 'amber' | '' | undefined;
  readonly to?: string | undefined;
}) {
  return (
    <div>
      <dt>{name}</dt>
      <dd class={`strip-value ${tone}`}>{to === undefined ? value : <a href={to}>{value}</a>}</dd>
      <dd class="strip-note hint">{note}</dd>
    </div>
  );
}

/** By the clock of the store alone. */
function age(now: string, at: string): string {
  return duration(Date.parse(now) - Date.parse(at));
}
