import type { ProcessesAnswer } from '../../api.js';
import { integer } from '../format.js';

/** How many attempts of those that may run at once are running, and how many jobs wait in memory for their turn. */
export function Capacity({
  process: { concurrency, running, waiting, state },
}: {
  readonly process: Pick<
    ProcessesAnswer['processes'][number],
    'concurrency' | 'running' | 'waiting' | 'state'
  >;
}) {
  const all = Math.max(concurrency, running + waiting, 1);
  const free = Math.max(0, concurrency - running);
  return (
    <div class={`capacity ${state}`}>
      <svg viewBox={`0 0 ${all} 1`} preserveAspectRatio="none" aria-hidden="true">
        <rect class="free" width={all} height="1" />
        <rect class="waiting" width={running + waiting} height="1" />
        <rect class="running" width={running} height="1" />
      </svg>
      <p>
        {integer(running)} running, {integer(waiting)} waiting
        <span class="quiet">, {integer(free)} free</span>
      </p>
    </div>
  );
}
