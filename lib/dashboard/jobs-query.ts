import { isGid } from '../core/jobs/gid.js';
import { JOB_STATUSES, type JobFilter } from '../core/jobs/job-info.js';
import { digits, instant, invalid, oneOf, text, type FieldReader, type Fields } from './request-fields.js';

const MAX_NAME = 255;
const MAX_SEARCH = 1000;
const MAX_CURSOR = 1000;
const MAX_PAGE = 1000;

/** The id of a job. What cannot be one is not looked for. */
export const gid: FieldReader<string | undefined> = (value, name) => {
  const given = text(128)(value, name);
  if (given === undefined || isGid(given)) return given;
  throw invalid(`'${name}' is not the id of a job.`);
};

export const stepName = text(MAX_NAME);

/** `JobsQuery`. */
export const CONDITIONS = {
  status: oneOf(...JOB_STATUSES),
  step: stepName,
  name: text(MAX_NAME),
  failing: oneOf('true'),
  error: text(MAX_SEARCH),
  args: text(MAX_SEARCH),
  after: instant,
  before: instant,
};

/** Which page of a list. */
export const PAGE = { cursor: text(MAX_CURSOR), limit: digits(1, MAX_PAGE) };

/** The library's filter for the conditions of a request. */
export function filterOf(conditions: Fields<typeof CONDITIONS>): JobFilter {
  const { status, step, name, failing, error, args, after, before } = conditions;
  return given({
    status,
    step,
    name,
    error,
    args,
    failing: failing === undefined ? undefined : (true as const),
    createdAfter: after,
    createdBefore: before,
  });
}

/** Without what is undefined. */
export function given<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;
}
