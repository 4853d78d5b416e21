import {
  DistributedJobs,
  type RecoveryState,
  type JobFilter,
  type JobInfo,
  type JobPage,
} from '../../core/jobs/job-info.js';
import { checkGid } from '../../core/jobs/gid.js';
import { checkJobFilter } from '../../core/jobs/job-filter.js';
import { JobNotFoundError, JobStateError } from '../../errors/index.js';
import { jobInfoOf } from './job-info.mapper.js';
import type { JobQuery } from '../../store/job-store.js';
import type { SelfTmRuntime } from './self-tm.runtime.js';
import type { SelfTransactionManager } from './self.transaction-manager.js';

/** `DistributedJobs` over the job store of the self-TM. */
export class SelfDistributedJobs extends DistributedJobs {
  constructor(private readonly manager: SelfTransactionManager) {
    super();
  }

  async find(gid: string): Promise<JobInfo | null> {
    const { store } = await this.manager.runtime();
    const record = await store.find(checkGid(gid));
    return record && jobInfoOf(record);
  }

  async list(filter: JobFilter = {}): Promise<JobPage> {
    const query = toQuery(filter);
    // One more than asked for tells whether there is another page.
    const { store } = await this.manager.runtime();
    const records = await store.list({ ...query, limit: query.limit + 1 });
    const jobs = records.slice(0, query.limit).map(jobInfoOf);
    return records.length > query.limit ? { jobs, cursor: jobs.at(-1)!.gid } : { jobs };
  }

  async retry(gid: string): Promise<void> {
    const runtime = await this.manager.runtime();
    if (!(await runtime.store.retry(checkGid(gid)))) await this.refuse(runtime, gid, 'retry');
    runtime.wake(0);
  }

  async cancel(gid: string): Promise<void> {
    const runtime = await this.manager.runtime();
    if (!(await runtime.store.cancel(checkGid(gid)))) await this.refuse(runtime, gid, 'cancel');
    // Other processes notice when they renew the lease, or store the end of a step.
    runtime.leases.cancel(gid);
  }

  recovery(): RecoveryState {
    return this.manager.recoveryState;
  }

  private async refuse(runtime: SelfTmRuntime, gid: string, action: 'retry' | 'cancel'): Promise<never> {
    const record = await runtime.store.find(gid);
    if (!record) throw new JobNotFoundError(gid);
    throw new JobStateError(gid, action, record.status);
  }
}

function toQuery(filter: JobFilter): JobQuery {
  const { cursor, ...query } = checkJobFilter(filter);
  return { ...query, ...(cursor !== undefined && { before: checkGid(cursor) }) };
}
