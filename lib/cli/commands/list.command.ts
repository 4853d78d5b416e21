import type { JobPage } from '../../core/jobs/job-info.js';
import type { Command } from '../command.js';
import { passedOver } from '../encoded-texts.js';
import { FILTERS, filterOf, numberOf } from '../job-filter-options.js';
import { jobJson, jobTable, jobText } from '../job-text.js';
import type { Operator } from '../operator.js';

const DEFAULT_LIMIT = 20;

export const list: Command = {
  name: 'list',
  summary: 'jobs, the last by gid first, page by page',
  description:
    'Lists jobs, the last by gid first: the newest of those whose gid the library made. It looks at a bounded number of jobs, whatever the filter, and tells how to go on behind them.',
  options: {
    ...FILTERS,
    limit: { type: 'string', value: '<n>', help: `how many, 1 to 1000. Default: ${DEFAULT_LIMIT}` },
    cursor: { type: 'string', value: '<gid>', help: 'goes on where the page before ended' },
    args: { type: 'boolean', help: 'shows the arguments of steps' },
  },
  async run({ values, operator, terminal }) {
    const withArgs = values['args'] === true;
    const cursor = values['cursor'] as string | undefined;
    const limit = numberOf(values, 'limit') ?? DEFAULT_LIMIT;
    const filter = { ...filterOf(values), ...(cursor !== undefined && { cursor }) };
    const page = await operator.jobs.list({ ...filter, limit, includeArgs: withArgs });
    const notes = await passedOver(operator.jobs, filter);
    const { jobs } = page;
    const shown = withArgs
      ? jobs.flatMap((job) => [...jobText(job, true, terminal.width), ''])
      : jobTable(jobs, await timeOf(operator), terminal.width);
    return {
      code: 0,
      lines: [...(jobs.length === 0 ? noJobs(page.cursor) : shown), ...further(page, limit), ...notes],
      json: {
        jobs: jobs.map((job) => jobJson(job, withArgs)),
        cursor: page.cursor ?? null,
        ...(notes.length > 0 && { notes }),
      },
    };
  },
};

function noJobs(cursor: string | undefined): string[] {
  return [cursor === undefined ? 'No jobs.' : 'No jobs among those that were looked at.'];
}

function further({ jobs, cursor }: JobPage, limit: number): string[] {
  if (cursor === undefined) return [];
  if (jobs.length === 0) return [`Further ones: --cursor ${cursor}`];
  return ['', `There ${jobs.length < limit ? 'may be' : 'are'} more: --cursor ${cursor}`];
}

/** By the clock that the times of jobs are of. */
async function timeOf(operator: Operator): Promise<Date> {
  const { store } = await operator.store();
  return store.time();
}
