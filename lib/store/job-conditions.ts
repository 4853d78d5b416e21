import type { JobConditions, JobRecord } from './job-store.js';

/** Whether a job is what the conditions of a list ask for, as the statements of the databases say it. */
export function meets(job: JobRecord, conditions: JobConditions): boolean {
  const { status, step, name, createdAfter, createdBefore, failing, error, args, before, from } = conditions;
  return (
    (status === undefined || status.includes(job.status)) &&
    (step === undefined || job.stepName === step) &&
    (name === undefined || job.name === name) &&
    (createdAfter === undefined || job.createdAt >= createdAfter) &&
    (createdBefore === undefined || job.createdAt < createdBefore) &&
    (!failing || (job.attempts > 0 && (job.status === 'submitted' || job.status === 'failed'))) &&
    (error === undefined || job.error?.includes(error) === true) &&
    (args === undefined || job.steps.includes(args)) &&
    (before === undefined || job.gid < before) &&
    (from === undefined || job.gid >= from)
  );
}
