import type { Command } from '../command.js';
import { UsageError } from '../program.errors.js';
import { dateOf, isDate } from '../job-filter-options.js';

const NOT_PROVIDED =
  'No live process tells that it provides a step of this name: look whether the name is right.';

export const pause: Command = {
  name: 'pause',
  takes: '<step>',
  words: [1, 1],
  summary: 'lets no attempt of a step begin, in any process',
  description:
    'Lets no attempt of a step begin, in any process, within ten seconds. Attempts that run go on. Jobs wait, and use up no attempts. Pausing it again replaces the reason and the end.',
  options: {
    until: {
      type: 'string',
      value: '<time>',
      help: 'when it ends by itself: a time, or a duration from now such as 30m. Default: when somebody resumes it',
    },
  },
  changes: true,
  async run({ values, positionals, operator, note }) {
    const [step] = positionals as [string];
    const { reason } = note;
    const text = values['until'] as string | undefined;
    if (reason === undefined)
      throw new UsageError('pause takes --reason <text>: whoever looks at the step reads it.');
    const until = text !== undefined && isDate(text) ? dateOf(text, '--until') : text;
    await operator.operations.pause(step, { ...note, reason, ...(until !== undefined && { until }) });
    const { monitoring } = await operator.store();
    const provided = await monitoring.isProvided(step);
    return {
      code: 0,
      lines: [`The step ${step} is paused.`, ...(provided === false ? [NOT_PROVIDED] : [])],
      json: { step, paused: true, provided: provided ?? null },
    };
  },
};
