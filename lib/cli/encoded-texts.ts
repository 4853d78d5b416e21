import type { DistributedJobs } from '../core/jobs/distributed-jobs.js';
import type { JobFilter } from '../core/jobs/job-info.js';
import { ENCODED_ARGS, ENCODED_ERROR } from '../core/payloads/stored-forms.js';

/** The filters that look into texts, and what is stored of a text that a codec has encoded. */
const SEARCHED = [
  { filter: 'error', option: '--error', encoded: ENCODED_ERROR },
  { filter: 'args', option: '--search', encoded: ENCODED_ARGS },
] as const;

/**
 * What is to be said of a search that passes over encoded texts. An application with a codec refuses such a search; the program has none,
 * so it looks whether there are such texts where it has searched.
 */
export async function passedOver(jobs: DistributedJobs, filter: JobFilter): Promise<string[]> {
  const { error: _error, args: _args, ...others } = filter;
  const lines: string[] = [];
  for (const { filter: name, option, encoded } of SEARCHED) {
    if (filter[name] === undefined) continue;
    const page = await jobs.list({ ...others, [name]: encoded, limit: 1 });
    if (page.jobs.length === 0) continue;
    lines.push(
      `Texts of some jobs are encoded: ${option} cannot search these. Filter by --step, --name, --status and times.`,
    );
  }
  return lines;
}
