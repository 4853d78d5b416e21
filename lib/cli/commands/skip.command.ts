import type { Command } from '../command.js';
import { UsageError } from '../program.errors.js';
import { numberOf } from '../job-filter-options.js';

export const skip: Command = {
  name: 'skip',
  takes: '<gid>',
  words: [1, 1],
  summary: 'lets a job go on with the step after the one that it stands at',
  description:
    'Lets a job that has failed, or that waits for its next attempt, go on with the next step. Its current step counts as skipped: whatever it should have done is not done. --step is the index that show tells, so that a job that has gone on meanwhile is left alone.',
  options: { step: { type: 'string', value: '<index>', help: 'the step to skip, from 0; required' } },
  changes: true,
  async run({ values, positionals, operator, note }) {
    const [gid] = positionals as [string];
    const step = numberOf(values, 'step');
    const { reason, by } = note;
    if (step === undefined) throw new UsageError('skip takes --step <index>.');
    if (reason === undefined) throw new UsageError('skip takes --reason <text>: the audit keeps it.');
    if (by === undefined) throw new UsageError('skip takes --by <name>: your user has none.');
    await operator.jobs.skip(gid, { step, reason, by });
    return { code: 0, lines: [`Step ${step} of ${gid} is skipped.`], json: { gid, step } };
  },
};
