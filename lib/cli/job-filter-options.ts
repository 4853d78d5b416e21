import { parseDuration } from '../core/duration.js';
import type { JobFilter, JobStatus } from '../core/jobs/job-info.js';
import type { CommandOptions, Values } from './command.js';
import { UsageError } from './program.errors.js';

/** Which jobs a command is about. */
export const FILTERS: CommandOptions = {
  status: {
    type: 'string',
    multiple: true,
    value: '<status>',
    help: 'prepared, submitted, succeeded, failed, rolledBack or canceled; several times for any of several',
  },
  step: { type: 'string', value: '<name>', help: 'the step that the job stands at' },
  name: { type: 'string', value: '<name>', help: 'the name that the job was given' },
  failing: { type: 'boolean', help: 'only jobs whose step has failed attempts' },
  error: { type: 'string', value: '<text>', help: 'part of the last error' },
  search: { type: 'string', value: '<text>', help: 'part of the arguments, as JSON' },
  since: {
    type: 'string',
    value: '<time>',
    help: 'started at or after: a time, or a duration ago such as 2h',
  },
  until: { type: 'string', value: '<time>', help: 'started before' },
};

/** @throws UsageError for what is no time; what else is wrong with a filter is told by whoever takes it. */
export function filterOf(values: Values): JobFilter {
  const text = (name: string) => values[name] as string | undefined;
  const status = values['status'] as JobStatus[] | undefined;
  const since = text('since');
  const until = text('until');
  return {
    ...(status && { status: status.flatMap((one) => one.split(',') as JobStatus[]) }),
    ...given('step', text('step')),
    ...given('name', text('name')),
    ...(values['failing'] === true && { failing: true as const }),
    ...given('error', text('error')),
    ...given('args', text('search')),
    ...(since !== undefined && { createdAfter: pastTime(since, '--since') }),
    ...(until !== undefined && { createdBefore: pastTime(until, '--until') }),
  };
}

/** A time, or how long ago it is. */
function pastTime(text: string, option: string): Date {
  if (isDate(text)) return dateOf(text, option);
  return new Date(Date.now() - parseDuration(text, option, { max: Date.now() }));
}

export function isDate(text: string): boolean {
  return /^\d{4}-/.test(text);
}

export function dateOf(text: string, option: string): Date {
  const date = new Date(text);
  if (Number.isFinite(date.getTime())) return date;
  throw new UsageError(
    `${option} is no time: ${text}. Write it like 2026-03-01T09:30:00Z, or as a duration such as 2h.`,
  );
}

/** A whole number, where one is given. */
export function numberOf(values: Values, name: string): number | undefined {
  const text = values[name] as string | undefined;
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text)) throw new UsageError(`--${name} takes a whole number, not ${text}.`);
  return Number(text);
}

function given<K extends keyof JobFilter>(name: K, value: string | undefined): { [key in K]?: string } {
  return value === undefined ? {} : ({ [name]: value } as { [key in K]?: string });
}
