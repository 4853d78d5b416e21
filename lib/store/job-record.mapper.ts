import type { JobStatus } from '../core/jobs/job-status.js';
import type { ClaimedJobRow, JobRow } from './job-table.js';
import type { ClaimedJob, JobRecord } from './job-store.js';

/** What a row of the job table says, whatever types the driver gave its numbers. */
export function recordOf(row: JobRow): JobRecord {
  return {
    gid: row.gid,
    name: row.name,
    status: row.status as JobStatus,
    steps: row.steps,
    stepIndex: Number(row.step_index),
    stepName: row.step_name,
    attempts: Number(row.attempts),
    attemptLog: row.attempt_log,
    owner: row.owner,
    lookup: row.lookup,
    error: row.error,
    createdAt: dateOf(row.created_ms)!,
    dueAt: dateOf(row.due_ms),
    endedAt: dateOf(row.ended_ms),
  };
}

/** What a row says that was claimed. */
export function claimedOf(row: ClaimedJobRow): ClaimedJob {
  return {
    gid: row.gid,
    status: row.status as JobStatus,
    steps: row.steps,
    stepIndex: Number(row.step_index),
    attempts: Number(row.attempts),
    attemptLog: row.attempt_log,
    owner: row.owner,
    lookup: row.lookup,
    error: row.error,
    dueFor: Number(row.due_for),
  };
}

export function firstRecordOf(rows: readonly JobRow[]): JobRecord | null {
  return rows[0] ? recordOf(rows[0]) : null;
}

function dateOf(milliseconds: JobRow['due_ms']): Date | null {
  return milliseconds === null ? null : new Date(Math.floor(Number(milliseconds)));
}
