import { DistributedJobs } from '../../core/jobs/distributed-jobs.js';
import type { RecoveryState, JobFilter, JobInfo, JobPage } from '../../core/jobs/job-info.js';
import { checkGid } from '../../core/jobs/gid.js';
import { checkJobFilter } from '../../core/jobs/job-filter.js';
import { readableJobs } from '../../core/payloads/job-payloads.js';
import { JobNotFoundError, JobStateError } from '../../errors/index.js';
import { jobInfoOf } from './job-info.mapper.js';
import type { SelfTmRuntime } from './self-tm.runtime.js';
import type { SelfTransactionManager } from './self.transaction-manager.js';

/** `DistributedJobs` over the job store of the self-TM. */
export class SelfDistributedJobs extends DistributedJobs {
  constructor(private readonly manager: SelfTransactionManager) {
    super();
  }

  async find(gid: string): Promise<JobInfo | null> {
    const { store, payloads } = await this.manager.runtime();
    const record = await store.find(checkGid(gid));
    if (!record) return null;
    const [job] = await readableJobs(payloads, [jobInfoOf(record)]);
    return job!;
  }

  async list(filter: JobFilter = {}): Promise<JobPage> {
    const { cursor, includeArgs, ...query } = checkJobFilter(filter);
    const before = cursor === undefined ? {} : { before: checkGid(cursor) };
    const { store, payloads, maxPageBytes } = await this.manager.runtime();
    const page = await store.list({ ...query, ...before, maxBytes: maxPageBytes });
    const jobs = await readableJobs(payloads, page.jobs.map(jobInfoOf), includeArgs);
    return page.more ? { jobs, cursor: jobs.at(-1)!.gid } : { jobs };
  }

  async retry(gid: string): Promise<void> {
    const runtime = await this.manager.runtime();
    if (!(await runtime.store.retry(checkGid(gid)))) await this.refuse(runtime, gid, 'retry');
    runtime.steering.brake?.leaveOut(gid);
    runtime.wake(0);
  }

  async cancel(gid: string): Promise<void> {
    const runtime = await this.manager.runtime();
    if (!(await runtime.store.cancel(checkGid(gid)))) await this.refuse(runtime, gid, 'cancel');
    // Other processes notice when they renew the lease, or store the end of a step.
    runtime.leases.cancel(gid);
    runtime.canceled(gid);
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
