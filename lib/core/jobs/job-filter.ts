import { InvalidOptionError } from '../../errors/index.js';
import type { JobFilter } from './job-info.js';
import { JOB_STATUSES, type JobStatus } from './job-status.js';

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1000;
const FILTERS: readonly string[] = [
  'status',
  'step',
  'name',
  'createdAfter',
  'createdBefore',
  'limit',
  'cursor',
];

/** A filter that has been checked. */
export interface CheckedJobFilter extends Omit<JobFilter, 'status' | 'limit'> {
  readonly status?: readonly JobStatus[];
  readonly limit: number;
}

/** @throws InvalidOptionError for a filter that cannot be. */
export function checkJobFilter(filter: JobFilter): CheckedJobFilter {
  const { limit = DEFAULT_LIMIT, status, cursor, step, name, createdAfter, createdBefore } = filter;
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT) {
    throw new InvalidOptionError('filter.limit', limit, `a whole number from 1 to ${MAX_LIMIT}`);
  }
  const unknown = Object.keys(filter).find((key) => !FILTERS.includes(key));
  if (unknown !== undefined) {
    throw new InvalidOptionError(`filter.${unknown}`, undefined, `one of ${FILTERS.join(', ')}`);
  }
  for (const [option, text] of Object.entries({ step, name })) {
    if (text !== undefined && typeof text !== 'string')
      throw new InvalidOptionError(`filter.${option}`, text, 'a text');
  }
  for (const [option, date] of Object.entries({ createdAfter, createdBefore })) {
    if (date !== undefined && !(date instanceof Date && Number.isFinite(date.getTime()))) {
      throw new InvalidOptionError(`filter.${option}`, date, 'a valid Date');
    }
  }
  return {
    limit,
    ...(status !== undefined && { status: toStatuses(status) }),
    ...(step !== undefined && { step }),
    ...(name !== undefined && { name }),
    ...(createdAfter && { createdAfter }),
    ...(createdBefore && { createdBefore }),
    ...(cursor !== undefined && { cursor }),
  };
}

function toStatuses(status: JobStatus | readonly JobStatus[]): readonly JobStatus[] {
  const statuses = Array.isArray(status) ? (status as readonly JobStatus[]) : [status as JobStatus];
  for (const one of statuses) {
    if (!JOB_STATUSES.includes(one)) {
      throw new InvalidOptionError('filter.status', one, `one of ${JOB_STATUSES.join(', ')}`);
    }
  }
  return statuses;
}
