import { DistributedJobs, type RecoveryState } from '../../core/jobs/distributed-jobs.js';
import { checkGid } from '../../core/jobs/gid.js';
import type { JobFilter, JobInfo, JobPage } from '../../core/jobs/job-info.js';
import { JOB_STATUSES, type JobStatus } from '../../core/jobs/job-status.js';
import { InvalidOptionError, JobNotFoundError, JobStateError } from '../../errors/index.js';
import { jobInfoOf } from './job-info.mapper.js';
import type { JobQuery } from './job-store.js';
import type { SelfTm } from './self-tm.js';
import type { SelfTmRuntime } from './self-tm.runtime.js';

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1000;
const FILTERS: readonly string[] = [
  'status',
  'step',
  'name',
  'createdAfter',
  'createdBefore',
  'limit',
  'cursor',
];

/** `DistributedJobs` over the job store of the self-TM. */
export class SelfDistributedJobs extends DistributedJobs {
  constructor(private readonly selfTm: SelfTm) {
    super();
  }

  async find(gid: string): Promise<JobInfo | null> {
    const { store } = await this.selfTm.runtime();
    const record = await store.find(checkGid(gid));
    return record && jobInfoOf(record);
  }

  async list(filter: JobFilter = {}): Promise<JobPage> {
    const query = toQuery(filter);
    // One more than asked for tells whether there is another page.
    const { store } = await this.selfTm.runtime();
    const records = await store.list({ ...query, limit: query.limit + 1 });
    const jobs = records.slice(0, query.limit).map(jobInfoOf);
    return records.length > query.limit ? { jobs, cursor: jobs.at(-1)!.gid } : { jobs };
  }

  async retry(gid: string): Promise<void> {
    const runtime = await this.selfTm.runtime();
    if (!(await runtime.store.retry(checkGid(gid)))) await this.refuse(runtime, gid, 'retry');
    runtime.waker.wake(0);
  }

  async cancel(gid: string): Promise<void> {
    const runtime = await this.selfTm.runtime();
    if (!(await runtime.store.cancel(checkGid(gid)))) await this.refuse(runtime, gid, 'cancel');
    // Other processes notice when they renew, or store the end of a step.
    runtime.leases.cancel(gid);
  }

  recovery(): RecoveryState {
    return this.selfTm.recoveryState;
  }

  private async refuse(runtime: SelfTmRuntime, gid: string, action: 'retry' | 'cancel'): Promise<never> {
    const record = await runtime.store.find(gid);
    if (!record) throw new JobNotFoundError(gid);
    throw new JobStateError(gid, action, record.status);
  }
}

function toQuery(filter: JobFilter): JobQuery {
  const { limit = DEFAULT_LIMIT, cursor, step, name, createdAfter, createdBefore } = filter;
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT) {
    throw new InvalidOptionError('filter.limit', limit, `a whole number from 1 to ${MAX_LIMIT}`);
  }
  const unknown = Object.keys(filter).find((key) => !FILTERS.includes(key));
  if (unknown !== undefined)
    throw new InvalidOptionError(`filter.${unknown}`, undefined, `one of ${FILTERS.join(', ')}`);
  for (const [option, text] of Object.entries({ step, name })) {
    if (text !== undefined && typeof text !== 'string')
      throw new InvalidOptionError(`filter.${option}`, text, 'a text');
  }
  for (const [option, date] of Object.entries({ createdAfter, createdBefore })) {
    if (date !== undefined && !(date instanceof Date && Number.isFinite(date.getTime()))) {
      throw new InvalidOptionError(`filter.${option}`, date, 'a valid Date');
    }
  }
  return {
    limit,
    ...(filter.status !== undefined && { status: toStatuses(filter.status) }),
    ...(step !== undefined && { step }),
    ...(name !== undefined && { name }),
    ...(createdAfter && { createdAfter }),
    ...(createdBefore && { createdBefore }),
    ...(cursor !== undefined && { before: checkGid(cursor) }),
  };
}

function toStatuses(status: JobStatus | readonly JobStatus[]): readonly JobStatus[] {
  const statuses = Array.isArray(status) ? (status as readonly JobStatus[]) : [status as JobStatus];
  for (const one of statuses) {
    if (!JOB_STATUSES.includes(one)) {
      throw new InvalidOptionError('filter.status', one, `one of ${JOB_STATUSES.join(', ')}`);
    }
  }
  return statuses;
}
