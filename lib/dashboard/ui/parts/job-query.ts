import type { JobInfo, JobStatus } from '../../../core/jobs/job-info.js';
import type { JobsQuery, Wire } from '../../api.js';
import { absolute } from '../format.js';
import { JOB_STATUS } from './status.js';

export type Job = Wire<JobInfo>;

/** What the search box understands. */
type SearchKey = 'step' | 'name' | 'error' | 'args';

/** A filter that is shown as a chip. */
type ChipKey = SearchKey | 'after' | 'before';
export const CHIP_TEXTS: Readonly<Record<ChipKey, string>> = {
  step: 'step',
  name: 'name',
  error: 'error contains',
  args: 'arguments contain',
  after: 'created after',
  before: 'created before',
};

/** The filter that an address carries. What is no status finds all. */
export function readJobsQuery(parameters: Readonly<Record<string, string>>): JobsQuery {
  const { status, failing, step, name, error, args, after, before } = parameters;
  return {
    ...(status && JOB_STATUS[status as JobStatus]?.[1] && { status: status as JobStatus }),
    ...(failing === 'true' && { failing }),
    ...(step && { step }),
    ...(name && { name }),
    ...(error && { error }),
    ...(args && { args }),
    ...(isTime(after) && { after }),
    ...(isTime(before) && { before }),
  };
}

export function chipsOf(query: JobsQuery): readonly (readonly [ChipKey, string])[] {
  return (Object.keys(CHIP_TEXTS) as ChipKey[]).flatMap((key) => {
    const value = query[key];
    if (value === undefined) return [];
    return [[key, key === 'after' || key === 'before' ? absolute(value) : value] as const];
  });
}

/** What was typed: `charge step:charge-card error:"card declined"`. A value ends where the next key begins. */
interface Typed {
  /** What stands before the first key. */
  readonly text: string;
  readonly filters: Partial<Record<SearchKey, string>>;
}

export function parseSearch(typed: string): Typed {
  const [text = '', ...parts] = typed.split(/(?:^|\s)(step|name|error|args):/);
  const filters: Partial<Record<SearchKey, string>> = {};
  for (let at = 0; at < parts.length; at += 2) {
    const key = parts[at] as SearchKey;
    filters[key] = valueOf(key, parts[at + 1]!.trim());
  }
  return { text: text.trim(), filters };
}

/** Quotation marks around arguments are part of their JSON. */
function valueOf(key: SearchKey, value: string): string {
  return key === 'args' ? value : value.replace(/^"(.*)"$/s, '$1');
}

/** Where a job stands: the index of its first step that is not done; that of the last one when all are. */
export function standsAt({ steps }: Job): number {
  const index = steps.findIndex(({ status }) => status !== 'succeeded' && status !== 'skipped');
  return index === -1 ? steps.length - 1 : index;
}

/** At least one attempt of the step that it stands at has failed, and there will be another. */
export function isFailing(job: Job): boolean {
  return job.status === 'submitted' && job.error !== null && (job.steps[standsAt(job)]?.attempts ?? 0) > 0;
}

/** Where the text of an error goes on with the next one, as the library writes it. */
export const NEXT_ERROR = /(?:; |\n)(?=caused by |one of its errors: )/;

/** Of an error: without its causes and its stack. */
export function firstLine(text: string): string {
  return text.split(NEXT_ERROR, 1)[0]!.split('\n', 1)[0]!;
}

function isTime(text: string | undefined): text is string {
  return text !== undefined && !Number.isNaN(Date.parse(text));
}
