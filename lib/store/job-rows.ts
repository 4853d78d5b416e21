import type { ClaimedJob, JobRecord } from './job-store.js';
import { decodeText } from './stored-text.js';

type Milliseconds = number | string | bigint;

/** A job as a driver returns it: times are epoch milliseconds, and numbers may be texts. */
export interface JobRow extends Omit<JobRecord, 'createdAt' | 'dueAt' | 'endedAt'> {
  readonly createdAt: Milliseconds;
  readonly dueAt: Milliseconds | null;
  readonly endedAt: Milliseconds | null;
}

/** A row of the sweep over all jobs. Truth values are booleans, numbers or texts, as the driver is set. */
export interface SweptRow {
  readonly gid: string;
  readonly lookup: string | null;
  /** It has ended, and its retention is over. */
  readonly expired: unknown;
  /** It was created within the retention. */
  readonly young: unknown;
}

export function recordOf(row: JobRow): JobRecord {
  return {
    ...row,
    name: textOf(row.name),
    stepName: textOf(row.stepName),
    error: textOf(row.error),
    errorName: textOf(row.errorName),
    stepIndex: Number(row.stepIndex),
    attempts: Number(row.attempts),
    crashes: numberOf(row.crashes),
    createdAt: dateOf(row.createdAt)!,
    dueAt: dateOf(row.dueAt),
    endedAt: dateOf(row.endedAt),
  };
}

/** To be called once for a row: texts are decoded. */
export function claimedOf(row: ClaimedJob): ClaimedJob {
  const {
    gid,
    status,
    steps,
    stepIndex,
    stepName,
    attempts,
    mark,
    crashes,
    attemptLog,
    owner,
    lookup,
    error,
    trace,
  } = row;
  return {
    gid,
    status,
    steps,
    stepIndex: Number(stepIndex),
    stepName: textOf(stepName),
    attempts: Number(attempts),
    mark,
    crashes: numberOf(crashes),
    attemptLog,
    owner,
    lookup,
    error: textOf(error),
    trace,
    dueFor: Number(row.dueFor),
  };
}

export function isTrue(value: unknown): boolean {
  return value === true || value === 't' || Number(value) === 1;
}

function textOf(value: string | null): string | null {
  return value === null ? null : decodeText(value);
}

function numberOf(value: number | string | null): number | null {
  return value === null ? null : Number(value);
}

function dateOf(milliseconds: Milliseconds | null): Date | null {
  return milliseconds === null ? null : new Date(Math.floor(Number(milliseconds)));
}
