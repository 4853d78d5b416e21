import type { JobInfo, StepInfo, StepStatus, JobStatus } from '../../core/jobs/job-info.js';
import type { StoredStep } from '../../core/jobs/job-message.js';
import type { StoredOverrides } from '../../core/steps/step-overrides.js';
import type { DtmBranch, DtmJob } from './dtm-job.js';
import { HTTP_REQUEST_STEP } from './dtm-request.factory.js';
import type { OwnJobs } from './own-jobs.js';
import { parseJson } from './json.js';
import type { StepPayload } from './step-payload.js';
import { fromWireGid } from './wire-gid.js';

const STATUS: Readonly<Record<string, JobStatus>> = {
  prepared: 'prepared',
  submitted: 'submitted',
  aborting: 'submitted',
  succeed: 'succeeded',
  failed: 'rolledBack',
};

/**
 * A status of DTM in the library's words. `failed` stands for a job that was rolled back, and for one that was
 * stopped by force, which only its barrier tells apart.
 */
export function jobStatusOf(status: string): JobStatus {
  return (Object.hasOwn(STATUS, status) ? STATUS[status] : undefined) ?? 'submitted';
}

/**
 * Maps a job of DTM. DTM counts no attempts and keeps no errors of steps: a step that has succeeded counts as one
 * attempt, any other as none.
 *
 * @param failed What `failed` means for this job, which is one of this application.
 */
export function jobInfoOf(job: DtmJob, own: OwnJobs, failed: 'rolledBack' | 'canceled'): JobInfo {
  const { transaction } = job;
  const status = transaction.status === 'failed' ? failed : jobStatusOf(transaction.status);
  const endedAt = transaction.finish_time ?? transaction.rollback_time;
  const ended = status === 'succeeded' || status === failed;
  return {
    gid: fromWireGid(transaction.gid),
    name: nameOf(job),
    status,
    steps: stepInfosOf(job, own, status),
    error: transaction.rollback_reason || null,
    createdAt: new Date(transaction.create_time ?? 0),
    dueAt: ended || transaction.next_cron_time === undefined ? null : new Date(transaction.next_cron_time),
    endedAt: ended && endedAt !== undefined ? new Date(endedAt) : null,
  };
}

/** The steps of a job as they were given to DTM. */
export function storedStepsOf(job: DtmJob, own: OwnJobs): StoredStep[] {
  return actionsOf(job).map((branch) => {
    const { step, args, overrides } = payloadOf(branch, own);
    return {
      name: step,
      ...(args !== undefined && { args: JSON.stringify(args) }),
      ...(overrides !== undefined && { overrides }),
    };
  });
}

function stepInfosOf(job: DtmJob, own: OwnJobs, status: JobStatus): StepInfo[] {
  const actions = actionsOf(job);
  const turn = status === 'submitted' ? actions.findIndex((branch) => branch.status !== 'succeed') : -1;
  return actions.map((branch, index): StepInfo => {
    const { step: name, args } = payloadOf(branch, own);
    const succeeded = branch.status === 'succeed';
    const others: StepStatus = status === 'canceled' ? 'canceled' : index === turn ? 'waiting' : 'pending';
    return {
      index,
      name,
      status: succeeded ? 'succeeded' : others,
      args: args ?? null,
      attempts: succeeded ? 1 : 0,
    };
  });
}

function actionsOf({ branches }: DtmJob): DtmBranch[] {
  return branches
    .filter(({ op }) => op === 'action')
    .sort((left, right) => Number(left.branch_id) - Number(right.branch_id));
}

/** What is called at another address is for an endpoint that DTM calls itself. */
function payloadOf(branch: DtmBranch, own: OwnJobs): Pick<StepPayload, 'step' | 'args' | 'overrides'> {
  const body = Buffer.from(branch.bin_data ?? '', 'base64').toString();
  const payload = parseJson(body) as { [K in keyof StepPayload]?: unknown } | undefined;
  if (!own.isStep(branch)) {
    return {
      step: HTTP_REQUEST_STEP,
      args: { url: branch.url, ...(payload !== undefined && { body: payload }) },
    };
  }
  const { step, args, overrides } = payload ?? {};
  return {
    step: typeof step === 'string' ? step : 'unknown',
    ...(args !== undefined && { args }),
    ...(overrides !== undefined && { overrides: overrides as StoredOverrides }),
  };
}

function nameOf({ transaction }: DtmJob): string | null {
  const { name } = (parseJson(transaction.custom_data ?? '') ?? {}) as { name?: unknown };
  return typeof name === 'string' ? name : null;
}
