import { JobNotFoundError } from '../../errors/index.js';
import type { Command } from '../command.js';
import { jobJson, jobText } from '../job-text.js';

export const show: Command = {
  name: 'show',
  takes: '<gid>',
  words: [1, 1],
  summary: 'one job and its steps',
  options: { args: { type: 'boolean', help: 'shows the arguments of its steps' } },
  async run({ values, positionals, operator, terminal }) {
    const withArgs = values['args'] === true;
    const [gid] = positionals as [string];
    const job = await operator.jobs.find(gid);
    if (!job) throw new JobNotFoundError(gid);
    return { code: 0, lines: jobText(job, withArgs, terminal.width), json: jobJson(job, withArgs) };
  },
};
