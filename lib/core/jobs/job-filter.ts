import {
  booleanOption,
  checkedOption,
  dateOption,
  integerOption,
  readOptions,
  type OptionsOf,
} from '../options.js';
import { InvalidOptionError } from '../../errors/index.js';
import type { Payloads } from '../payloads/payloads.js';
import { type JobFilter, JOB_STATUSES, type JobStatus } from './job-info.js';

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1000;
const DEFAULT_COUNT = 10_000;
const MAX_COUNT = 100_000;
const MAX_PART_LENGTH = 1000;

const text = checkedOption<string>(
  (value) => typeof value === 'string' && !value.includes('\0'),
  'a text without NUL',
);
const part = checkedOption<string>(
  (value) =>
    typeof value === 'string' && value !== '' && value.length <= MAX_PART_LENGTH && !value.includes('\0'),
  `a text of 1 to ${MAX_PART_LENGTH} characters without NUL`,
);
const date = dateOption();
const status = checkedOption<JobStatus>(
  (value) => JOB_STATUSES.includes(value as JobStatus),
  `one of ${JOB_STATUSES.join(', ')}`,
);

/** What a job must be like. */
const CONDITIONS = {
  status: (value: unknown, option: string): readonly JobStatus[] | undefined =>
    value === undefined ? undefined : [value].flat().map((one) => status(one ?? null, option)!),
  step: text,
  name: text,
  createdAfter: date,
  createdBefore: date,
  failing: checkedOption<true>((value) => value === true, 'true, or left out'),
  error: part,
  args: part,
};

const FILTERS = {
  ...CONDITIONS,
  includeArgs: booleanOption(false),
  limit: integerOption(DEFAULT_LIMIT, 1, MAX_LIMIT),
  cursor: (value: unknown) => value as string | undefined,
};

const COUNT_FILTERS = { ...FILTERS, limit: integerOption(DEFAULT_COUNT, 1, MAX_COUNT) };

/** A filter that has been checked. */
export type CheckedJobFilter = OptionsOf<typeof FILTERS>;

/** Without how many jobs, and which page of them. */
export type CheckedConditions = OptionsOf<typeof CONDITIONS>;

/** @throws InvalidOptionError for an unknown filter, or a value that cannot be used. */
export function checkJobFilter(filter: JobFilter): CheckedJobFilter {
  return readOptions(filter, 'filter', FILTERS);
}

/** The same for `count()`. */
export function checkCountFilter(filter: JobFilter): CheckedJobFilter {
  return readOptions(filter, 'filter', COUNT_FILTERS);
}

/**
 * The same for what is done to all jobs that a filter finds.
 *
 * @param possible the statuses of jobs that it can be done to; without `status`, all of them.
 */
export function checkBulkFilter(filter: JobFilter, possible: readonly JobStatus[]): CheckedConditions {
  const conditions = readOptions(filter, 'filter', CONDITIONS);
  const { status: wanted = possible } = conditions;
  if (wanted.length > 0 && wanted.every((one) => possible.includes(one)))
    return { ...conditions, status: wanted };
  throw new InvalidOptionError('filter.status', filter.status, `left out, or ${possible.join(', ')}`);
}

/**
 * Texts can be searched only where they are stored as they are.
 *
 * @throws InvalidOptionError, which does not show what was looked for.
 */
export function refuseEncoded(payloads: Payloads, filter: CheckedConditions): void {
  for (const option of ['error', 'args'] as const) {
    const refusal = filter[option] === undefined ? undefined : searchRefusal(payloads, option);
    if (refusal) throw refusal;
  }
}

/** Why a text cannot be looked for; undefined where it can. */
export function searchRefusal(payloads: Payloads, option: 'error' | 'args'): InvalidOptionError | undefined {
  if (!payloads.encodes) return undefined;
  return new InvalidOptionError(
    `filter.${option}`,
    undefined,
    'left out',
    `The filter '${option}' is not possible with a 'codec': what is stored of errors and arguments cannot be searched. ` +
      "Filter by 'step', 'name', 'status' and times.",
  );
}
