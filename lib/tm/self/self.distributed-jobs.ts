import { DistributedJobs, type JobsFeature } from '../../core/jobs/distributed-jobs.js';
import type { RecoveryState, JobFilter, JobInfo, JobPage } from '../../core/jobs/job-info.js';
import { checkGid } from '../../core/jobs/gid.js';
import {
  checkCountFilter,
  checkJobFilter,
  refuseEncoded,
  searchRefusal,
} from '../../core/jobs/job-filter.js';
import type {
  AuditFilter,
  AuditPage,
  BulkOptions,
  BulkResult,
  BulkRetryOptions,
  JobExplanation,
  RetryJobOptions,
  SkipStepOptions,
} from '../../core/jobs/job-operations.js';
import type { ActionNote } from '../../core/operations/action-note.js';
import type { BoundedCount } from '../../core/operations/fleet-numbers.js';
import { readableJobs } from '../../core/payloads/job-payloads.js';
import { JobNotFoundError, type SteppingError } from '../../errors/index.js';
import { jobInfoOf } from './job-info.mapper.js';
import { explainJob } from './monitoring/job-explainer.js';
import { knownFleet } from './monitoring/known-fleet.js';
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
    const { steering, payloads, maxPageBytes } = await this.manager.runtime();
    refuseEncoded(payloads, query);
    const page = await steering.search.page({ ...query, ...before, maxBytes: maxPageBytes });
    const jobs = await readableJobs(payloads, page.jobs.map(jobInfoOf), includeArgs);
    return page.next === undefined ? { jobs } : { jobs, cursor: page.next };
  }

  override async count(filter: JobFilter = {}): Promise<BoundedCount> {
    const { cursor: _cursor, includeArgs: _includeArgs, limit, ...conditions } = checkCountFilter(filter);
    const { steering, payloads } = await this.manager.runtime();
    refuseEncoded(payloads, conditions);
    return steering.search.count(conditions, limit);
  }

  async retry(gid: string, options?: RetryJobOptions): Promise<void> {
    const { steering } = await this.manager.runtime();
    await steering.jobs.retry(gid, options);
  }

  async cancel(gid: string, note?: ActionNote): Promise<void> {
    const { steering } = await this.manager.runtime();
    await steering.jobs.cancel(gid, note);
  }

  override async skip(gid: string, options: SkipStepOptions): Promise<void> {
    const { steering } = await this.manager.runtime();
    await steering.jobs.skip(gid, options);
  }

  override async retryAll(filter: JobFilter, options: BulkRetryOptions): Promise<BulkResult> {
    const { steering } = await this.manager.runtime();
    return steering.bulk.retryAll(filter, options);
  }

  override async cancelAll(filter: JobFilter, options: BulkOptions): Promise<BulkResult> {
    const { steering } = await this.manager.runtime();
    return steering.bulk.cancelAll(filter, options);
  }

  override async audit(filter: AuditFilter = {}): Promise<AuditPage> {
    const { steering, maxPageBytes } = await this.manager.runtime();
    return steering.audit.read(filter, maxPageBytes);
  }

  override async explain(gid: string): Promise<JobExplanation> {
    const runtime = await this.manager.runtime();
    const { store, payloads } = runtime;
    const record = await store.find(checkGid(gid));
    if (!record) throw new JobNotFoundError(gid);
    const [job] = await readableJobs(payloads, [jobInfoOf(record)], false);
    const [now, fleet] = await Promise.all([store.time(), knownFleet(runtime, record.stepName)]);
    return explainJob({ record, error: job!.error, now, ...fleet });
  }

  recovery(): RecoveryState {
    return this.manager.recoveryState;
  }

  /** @internal */
  override refusalOf(feature: JobsFeature): SteppingError | undefined {
    return feature === 'search' ? searchRefusal(this.manager.payloads, 'args') : super.refusalOf(feature);
  }
}
