import type { StepInfo, StepStatus } from '../../core/jobs/job-info.js';
import { parseSteps, type ParsedStep } from '../../core/jobs/job-message.js';
import type { StoredJobInfo } from '../../core/payloads/job-payloads.js';
import { traceIdOf } from '../../core/telemetry/trace-text.js';
import { errorText } from '../../errors/error-text.js';
import type { JobRecord } from '../../store/job-store.js';
import { parseLog } from './attempt-log.js';

type Log = ReturnType<typeof parseLog>;

/** Converts a stored job to what users see. One that cannot be read has no steps, and its error says so. */
export function jobInfoOf(record: JobRecord): StoredJobInfo {
  const log = parseLog(record.attemptLog);
  let parsed: readonly ParsedStep[] = [];
  let unreadable: string | undefined;
  try {
    parsed = parseSteps(record.steps);
  } catch (error) {
    unreadable = errorText(error);
  }
  const steps = parsed.map((step, index): StepInfo => {
    const status = stepStatus(record, index, log);
    return {
      index,
      name: step.step,
      status,
      args: step.args,
      attempts: attemptsOf(record, index, status, log),
    };
  });
  const { gid, name, status, errorName, createdAt, dueAt, endedAt } = record;
  const error = unreadable ?? record.error;
  const trace = record.trace === null ? undefined : traceIdOf(record.trace);
  return { gid, name, status, steps, error, errorName, createdAt, dueAt, endedAt, ...(trace && { trace }) };
}

function stepStatus(record: JobRecord, index: number, log: Log): StepStatus {
  if (log.get(index)?.skipped) return 'skipped';
  if (index < record.stepIndex) return 'succeeded';
  if (index > record.stepIndex) return 'pending';
  switch (record.status) {
    case 'prepared':
    case 'rolledBack':
      return 'pending';
    case 'submitted':
      return record.owner === null ? 'waiting' : 'running';
    case 'succeeded':
    case 'failed':
    case 'canceled':
      return record.status;
  }
}

function attemptsOf(record: JobRecord, index: number, status: StepStatus, log: Log): number {
  if (index < record.stepIndex || status === 'skipped') return log.get(index)?.attempts ?? 1;
  if (index > record.stepIndex) return 0;
  // `record.attempts` counts attempts without success. One more is running, or has succeeded. Whether it has begun is only
  // known of jobs with a mark.
  const isRunning = status === 'running' && (record.mark === null || record.mark === 'begun');
  return record.attempts + (isRunning || status === 'succeeded' ? 1 : 0);
}
