import type { BoundedCount, FleetOverview } from '../../core/operations/fleet-numbers.js';
import { spanText, timeFrom, timeText } from '../../core/time-text.js';
import type { Command } from '../command.js';
import { pairs } from '../table.js';

export const status: Command = {
  name: 'status',
  summary: 'the state of the fleet at a glance',
  async run({ operator, terminal }) {
    const overview = await operator.operations.overview();
    return { code: 0, lines: statusText(overview, terminal.width), json: overview };
  },
};

/** The lines of an overview. */
export function statusText(overview: FleetOverview, width: number | undefined): string[] {
  const { at, oldestDueMs, lastMinute, processes, running, recoveredAt, paused } = overview;
  const oldest = oldestDueMs === null ? '' : `, the oldest for ${spanText(oldestDueMs)}`;
  const unknown = "not known: 'monitoring' is off";
  const stopped = Object.entries(paused).map(([step, { kind, until }]) => {
    const end = until ? `until ${timeFrom(at, until)}` : 'until somebody resumes it';
    return ['', `${step}: ${kind === 'brake' ? 'braked' : 'paused'} ${end}`] as const;
  });
  return pairs(
    [
      ['At', timeText(at)],
      ['Due', `${countText(overview.due)}${oldest}`],
      ['Held', countText(overview.held)],
      ['Waiting', `${countText(overview.waiting)}, for a later time or the next attempt`],
      ['Prepared', `${countText(overview.prepared)}, whose transactions have not ended as far as is known`],
      ['Failed', countText(overview.failed)],
      ['Processes', processes === null ? unknown : `${processes} alive, ${running ?? 0} attempts run`],
      [
        'Last minute',
        lastMinute === null
          ? unknown
          : `${lastMinute.succeeded} attempts succeeded, ${lastMinute.failed} failed, ${lastMinute.gaveUp} of them for good; ` +
            `${lastMinute.jobsSucceeded} jobs succeeded`,
      ],
      [
        'Recovery',
        recoveredAt
          ? `looked for due jobs at ${timeFrom(at, recoveredAt)}`
          : 'nobody is known to look for due jobs',
      ],
      ...(stopped.length === 0
        ? [['Paused', 'no step'] as const]
        : stopped.map(([, text], index) => [index === 0 ? 'Paused' : '', text] as const)),
    ],
    width,
  );
}

function countText({ count, more }: BoundedCount): string {
  return `${count.toLocaleString('en-US')}${more ? '+' : ''}`;
}
