import type { JobInfo, StepInfo, StepStatus, JobStatus } from '../../core/jobs/job-info.js';
import type { StoredStep } from '../../core/jobs/job-message.js';
import type { DtmBranch, DtmJob } from './dtm-admin.client.js';
import { HTTP_REQUEST_STEP } from './dtm-request.factory.js';
import type { DtmCustomData, DtmRequest } from './dtm.client.js';
import { parseJson } from './json.js';
import { fromWireGid } from './wire-gid.js';
import { openQuery, type PreparedQuery } from './query-token.js';
import { QUERY_TOKEN } from './callback-addresses.js';

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
  return STATUS[status] ?? 'submitted';
}

/**
 * Maps a job of DTM. DTM counts no attempts and keeps no errors of steps: a step that has succeeded counts as one
 * attempt, any other as none.
 *
 * @param failed What `failed` means for this job.
 */
export function jobInfoOf(job: DtmJob, failed: 'rolledBack' | 'canceled'): JobInfo {
  const { transaction } = job;
  const status = transaction.status === 'failed' ? failed : jobStatusOf(transaction.status);
  const endedAt = transaction.finish_time ?? transaction.rollback_time;
  const ended = status === 'succeeded' || status === failed;
  return {
    gid: fromWireGid(transaction.gid),
    name: customDataOf(job).name ?? null,
    status,
    steps: stepInfosOf(job, status),
    error: transaction.rollback_reason || null,
    createdAt: new Date(transaction.create_time ?? 0),
    dueAt: ended || transaction.next_cron_time === undefined ? null : new Date(transaction.next_cron_time),
    endedAt: ended && endedAt !== undefined ? new Date(endedAt) : null,
  };
}

/** The steps of a job as they were given to DTM. */
export function storedStepsOf(job: DtmJob): StoredStep[] {
  return actionsOf(job).map((branch) => {
    const { step, args } = payloadOf(branch);
    return args === undefined ? { name: step } : { name: step, args: JSON.stringify(args) };
  });
}

/** Where the transaction of a job is found; `undefined` for a job outside any, and one of another client. */
export function preparedQueryOf({ transaction }: DtmJob): PreparedQuery | undefined {
  const address = transaction.query_prepared ?? '';
  const inAddress = URL.canParse(address) ? new URL(address).searchParams.get(QUERY_TOKEN) : null;
  const options = parseJson(transaction.options ?? '') as Partial<DtmRequest> | undefined;
  const token = inAddress ?? options?.branch_headers?.[QUERY_TOKEN];
  return token === undefined ? undefined : openQuery(token);
}

function stepInfosOf(job: DtmJob, status: JobStatus): StepInfo[] {
  const actions = actionsOf(job);
  const turn = status === 'submitted' ? actions.findIndex((branch) => branch.status !== 'succeed') : -1;
  return actions.map((branch, index): StepInfo => {
    const { step: name, args } = payloadOf(branch);
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

/** A payload that the library did not write is for an endpoint that DTM calls itself. */
function payloadOf({ url, bin_data: data = '' }: DtmBranch): { step: string; args?: unknown } {
  const payload = parseJson(Buffer.from(data, 'base64').toString()) as
    { step?: unknown; args?: unknown } | undefined;
  if (typeof payload?.step === 'string') return payload as { step: string; args?: unknown };
  return { step: HTTP_REQUEST_STEP, args: { url, ...(payload !== undefined && { body: payload }) } };
}

function customDataOf({ transaction }: DtmJob): DtmCustomData {
  return (parseJson(transaction.custom_data ?? '') ?? {}) as DtmCustomData;
}
