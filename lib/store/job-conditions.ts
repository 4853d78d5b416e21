import type { JobConditions, JobRecord } from './job-store.js';

/** Whether a job is what the conditions of a list ask for, as the statements of the databases say it. */
export function meets(job: JobRecord, conditions: JobConditions): boolean {
  const { status, step, name, createdAfter, createdBefore, failing, error, args, before, gids } = conditions;
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
    (gids === undefined || gids.includes(job.gid))
  );
}

/** Those of the conditions that an index follows in the order of gids. */
export function placeOf({ status, before }: JobConditions): JobConditions {
  const failedOnly = status?.length === 1 && status[0] === 'failed';
  return { ...(failedOnly && { status }), ...(before !== undefined && { before }) };
}
