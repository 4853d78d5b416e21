import type { Command } from '../command.js';
import { act, BULK } from './bulk.js';

export const retry: Command = {
  name: 'retry',
  takes: '[<gid>...]',
  words: [0, Number.MAX_SAFE_INTEGER],
  summary: 'lets failed jobs go on at the step that failed',
  description:
    'Lets failed jobs go on at the step that failed, with its attempts counted anew: the jobs that are named, or with --all the failed jobs that the filters find. New arguments are given in the application, which can check them.',
  options: {
    ...BULK,
    spread: {
      type: 'string',
      value: '<duration>',
      help: 'with --all: spreads the attempts evenly over this time',
    },
  },
  changes: true,
  run(context) {
    const { operator, note, values } = context;
    const spread = values['spread'] as string | undefined;
    return act(context, {
      done: 'retried',
      one: (gid) => operator.jobs.retry(gid, note),
      all: (filter, options) =>
        operator.jobs.retryAll(filter, { ...options, ...(spread !== undefined && { spread }) }),
    });
  },
};
