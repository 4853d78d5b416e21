import type { Command } from '../command.js';
import { act, BULK } from './bulk.js';

export const cancel: Command = {
  name: 'cancel',
  takes: '[<gid>...]',
  words: [0, Number.MAX_SAFE_INTEGER],
  summary: 'stops jobs before their next step',
  description:
    'Stops submitted jobs before their next step, and closes failed ones: the jobs that are named, or with --all those that the filters find. A step that runs at this moment is not interrupted.',
  options: BULK,
  changes: true,
  run(context) {
    const { operator, note } = context;
    return act(context, {
      done: 'canceled',
      one: (gid) => operator.jobs.cancel(gid, note),
      all: (filter, options) => operator.jobs.cancelAll(filter, options),
    });
  },
};
