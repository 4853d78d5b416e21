import type { Command } from '../command.js';
import { FILTERS, filterOf, numberOf } from '../job-filter-options.js';
import { jobJson, jobTable, jobText } from '../job-text.js';
import type { Operator } from '../operator.js';

const DEFAULT_LIMIT = 20;

export const list: Command = {
  name: 'list',
  summary: 'the newest jobs, page by page',
  description:
    'Lists jobs, the newest first. Failed jobs have an index of their own; another filter that few jobs pass may read much of a large table.',
  options: {
    ...FILTERS,
    limit: { type: 'string', value: '<n>', help: `how many, 1 to 1000. Default: ${DEFAULT_LIMIT}` },
    cursor: { type: 'string', value: '<gid>', help: 'goes on where the page before ended' },
    args: { type: 'boolean', help: 'shows the arguments of steps' },
  },
  async run({ values, operator, terminal }) {
    const withArgs = values['args'] === true;
    const cursor = values['cursor'] as string | undefined;
    const page = await operator.jobs.list({
      ...filterOf(values),
      limit: numberOf(values, 'limit') ?? DEFAULT_LIMIT,
      includeArgs: withArgs,
      ...(cursor !== undefined && { cursor }),
    });
    const { jobs } = page;
    const shown = withArgs
      ? jobs.flatMap((job) => [...jobText(job, true, terminal.width), ''])
      : jobTable(jobs, await timeOf(operator), terminal.width);
    const more = page.cursor === undefined ? [] : ['', `There are more: --cursor ${page.cursor}`];
    return {
      code: 0,
      lines: jobs.length === 0 ? ['No jobs.'] : [...shown, ...more],
      json: { jobs: jobs.map((job) => jobJson(job, withArgs)), cursor: page.cursor ?? null },
    };
  },
};

/** By the clock that the times of jobs are of. */
async function timeOf(operator: Operator): Promise<Date> {
  const { store } = await operator.store();
  return store.time();
}
