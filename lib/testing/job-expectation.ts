import { isDeepStrictEqual } from 'node:util';
import type { JobInfo, StepInfo, JobStatus } from '../core/jobs/job-info.js';
import { isRecord } from '../core/options.js';
import type { StepArguments, StepClass } from '../core/steps/step-class.js';

/**
 * Any part of a value; of a list, all of it.
 *
 * @publicApi
 */
export type PartOf<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? { [K in keyof T]?: PartOf<T[K]> }
    : T;

/**
 * A part of the arguments of a step.
 *
 * @publicApi
 */
export type PartOfArguments<S> = S extends StepClass
  ? StepArguments<S> extends readonly [(infer A)?]
    ? PartOf<A>
    : never
  : unknown;

/**
 * What is known of a job that a test looks for. Conditions are joined by AND.
 *
 * @publicApi
 */
export interface ExpectedJob<S extends StepClass | string = StepClass | string> {
  /** One of its steps, whatever its place: the class, or the name that is stored. */
  readonly step?: S;
  /**
   * Arguments of that step, as they are stored: those that are given must be equal, others may be there as well.
   * Lists must be equal as a whole.
   */
  readonly args?: PartOfArguments<S>;
  /** The label given to `createJob({ name })`. */
  readonly name?: string;
  /** The id of the job. */
  readonly gid?: string;
  /**
   * Default: any but `prepared` and `rolledBack`. The transaction of a prepared job is still open, or its process has
   * died; one that is rolled back is none.
   */
  readonly status?: JobStatus;
}

/** The same with the name of the step and its arguments as JSON gives them back. */
export type JobPattern = ExpectedJob<string>;

export function matches(job: JobInfo, pattern: JobPattern): boolean {
  const { step, args, name, gid, status } = pattern;
  if (status === undefined && (job.status === 'prepared' || job.status === 'rolledBack')) return false;
  if (!contains(job, { name, gid, status })) return false;
  if (step === undefined && args === undefined) return true;
  return job.steps.some((one) => contains(one, { name: step, args }));
}

/** Says what was expected and what there is; `jobs` in the order in which they are to be told. */
export function missingMessage(pattern: JobPattern, jobs: readonly JobInfo[]): string {
  return `Expected ${describePattern(pattern)}, but there is none.\n${describeJobs(jobs)}`;
}

export function unexpectedMessage(pattern: JobPattern, found: readonly JobInfo[]): string {
  return `Expected no ${describePattern(pattern).slice(2)}, but there is.\n${describeJobs(found)}`;
}

/** One line for a job: where it stands, its steps, and why it does not go on. */
export function describeJob({ status, name, steps, error }: JobInfo): string {
  const label = name === null ? '' : ` "${name}"`;
  const reason = error === null ? '' : ` (${error.split('\n')[0]})`;
  return `  ${status}${label}: ${steps.map(describeStep).join(', ')}${reason}`;
}

function describeStep({ name, args, status, attempts }: StepInfo): string {
  const tried = attempts > 0 ? ` [${status}, attempt ${attempts}]` : '';
  return `${name}${args === undefined ? '' : ` ${json(args)}`}${tried}`;
}

function describePattern({ step, args, name, gid, status }: JobPattern): string {
  const parts = [
    step !== undefined && `the step '${step}'`,
    args !== undefined && `the arguments ${json(args)}`,
    name !== undefined && `the name '${name}'`,
    gid !== undefined && `the gid '${gid}'`,
    status !== undefined && `the status '${status}'`,
  ].filter((part) => part !== false);
  return parts.length === 0 ? 'a job' : `a job with ${parts.join(' and ')}`;
}

function describeJobs(jobs: readonly JobInfo[]): string {
  const hint = ' Is start() called and awaited, and has its transaction committed?';
  return jobs.length === 0
    ? `There are no jobs.${hint}`
    : `The jobs, oldest first:\n${jobs.map(describeJob).join('\n')}`;
}

const MAX_JSON = 200;

function json(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > MAX_JSON ? `${text.slice(0, MAX_JSON)}…` : text;
}

function contains(actual: unknown, part: unknown): boolean {
  if (part === undefined) return true;
  if (!isRecord(part) || !isRecord(actual)) return isDeepStrictEqual(actual, part);
  return Object.entries(part).every(([key, value]) => contains(actual[key], value));
}
