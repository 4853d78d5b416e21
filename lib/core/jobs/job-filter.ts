import { booleanOption, checkedOption, integerOption, readOptions, type OptionsOf } from '../options.js';
import { type JobFilter, JOB_STATUSES, type JobStatus } from './job-info.js';

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1000;

const text = checkedOption<string>(
  (value) => typeof value === 'string' && !value.includes('\0'),
  'a text without NUL',
);
const date = checkedOption<Date>(
  (value) => value instanceof Date && Number.isFinite(value.getTime()),
  'a valid Date',
);
const status = checkedOption<JobStatus>(
  (value) => JOB_STATUSES.includes(value as JobStatus),
  `one of ${JOB_STATUSES.join(', ')}`,
);

const FILTERS = {
  status: (value: unknown, option: string): readonly JobStatus[] | undefined =>
    value === undefined ? undefined : [value].flat().map((one) => status(one ?? null, option)!),
  step: text,
  name: text,
  createdAfter: date,
  createdBefore: date,
  includeArgs: booleanOption(false),
  limit: integerOption(DEFAULT_LIMIT, 1, MAX_LIMIT),
  cursor: (value: unknown) => value as string | undefined,
};

/** A filter that has been checked. */
export type CheckedJobFilter = OptionsOf<typeof FILTERS>;

/** @throws InvalidOptionError for an unknown filter, or a value that cannot be used. */
export function checkJobFilter(filter: JobFilter): CheckedJobFilter {
  return readOptions(filter, 'filter', FILTERS);
}
