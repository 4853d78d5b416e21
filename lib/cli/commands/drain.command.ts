import { setTimeout as sleep } from 'node:timers/promises';
import { parseDuration } from '../../core/duration.js';
import { spanText } from '../../core/time-text.js';
import type { FleetOverview } from '../../core/operations/fleet-numbers.js';
import type { Command } from '../command.js';

const DEFAULT_TIMEOUT = '10m';
const INTERVAL_MS = 1000;
const PROGRESS_MS = 10_000;

export const drain: Command = {
  name: 'drain',
  summary: 'waits until no job is due or held',
  description:
    'Waits until no job is due and no process holds one. Jobs that wait for a later time, or for the next attempt, are not waited for; nor is anything stopped: that is for whoever starts jobs.',
  options: {
    timeout: {
      type: 'string',
      value: '<duration>',
      help: `how long, such as 90s. Default: ${DEFAULT_TIMEOUT}`,
    },
  },
  async run({ values, operator, terminal }) {
    const timeout = parseDuration(values['timeout'] ?? DEFAULT_TIMEOUT, '--timeout');
    const started = performance.now();
    let toldAt = started;
    for (;;) {
      const overview = await operator.operations.overview();
      const passed = performance.now() - started;
      const json = { drained: isDrained(overview), due: overview.due, held: overview.held };
      if (json.drained)
        return { code: 0, lines: [`Nothing is due or held, after ${spanText(passed)}.`], json };
      const left = `${numberOf(overview.due)} due, ${numberOf(overview.held)} held`;
      if (passed >= timeout) return { code: 1, lines: [`Still ${left} after ${spanText(passed)}.`], json };
      if (performance.now() - toldAt >= PROGRESS_MS) {
        terminal.note(left);
        toldAt = performance.now();
      }
      await sleep(Math.max(0, Math.min(INTERVAL_MS, timeout - passed)));
    }
  },
};

function isDrained({ due, held }: FleetOverview): boolean {
  return due.count === 0 && held.count === 0;
}

function numberOf({ count, more }: FleetOverview['due']): string {
  return `${count}${more ? '+' : ''}`;
}
