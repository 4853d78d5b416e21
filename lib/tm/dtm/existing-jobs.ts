import { haveOneOrigin, type JobOrigin } from '../../core/jobs/job-origin.js';
import { type JobMessage, encodeSteps } from '../../core/jobs/job-message.js';
import { sameSteps } from '../../core/payloads/job-payloads.js';
import type { Payloads } from '../../core/payloads/payloads.js';
import { DuplicateGidError } from '../../errors/index.js';
import type { DtmAdminClient } from './dtm-admin.client.js';
import { jobStatusOf, storedStepsOf } from './dtm-job-info.mapper.js';
import type { DtmRequest } from './dtm.client.js';
import type { OwnJobs } from './own-jobs.js';
import { toWireGid } from './wire-gid.js';

/** Tells whether a job that DTM already has is the one that is being started. */
export class ExistingJobs {
  constructor(
    private readonly admin: DtmAdminClient,
    private readonly own: OwnJobs,
    private readonly payloads: Payloads,
  ) {}

  /**
   * Whether DTM has this very job already, at whatever stage.
   *
   * @param origin The database of the transaction in which the job is started; undefined outside any.
   * @throws DuplicateGidError when it has another one of this gid, or one that failed.
   */
  async isSame(message: JobMessage, origin: JobOrigin | undefined): Promise<boolean> {
    const job = await this.admin.find(toWireGid(message.gid));
    if (!job) return false;
    const { status } = job.transaction;
    // Of a job of another service nothing is told.
    const query = this.own.queryOf(job.transaction);
    const steps = query ? storedStepsOf(job, this.own) : [];
    const otherTenant = query !== undefined && !haveOneOrigin(query.database, origin);
    const same = () => sameSteps(this.payloads, message.gid, encodeSteps(steps), encodeSteps(message.steps));
    if (status !== 'failed' && !otherTenant && (await same())) return true;
    throw new DuplicateGidError(message.gid, {
      status: jobStatusOf(status),
      steps: steps.map(({ name }) => name),
      otherTenant,
    });
  }

  /**
   * @param status What DTM says of the job that is there.
   * @param origin As for `isSame()`.
   * @throws DuplicateGidError unless it is the same job, which lives or has succeeded.
   */
  async assertSame(message: JobMessage, status: string, origin: JobOrigin | undefined): Promise<void> {
    if (status === 'failed') throw new DuplicateGidError(message.gid, { status: 'rolledBack', steps: [] });
    if (!(await this.isSame(message, origin)))
      throw new DuplicateGidError(message.gid, { status: jobStatusOf(status), steps: [] });
  }

  /** Whether the prepared job that DTM has came from this very request. */
  async cameFrom(request: DtmRequest): Promise<boolean> {
    return (await this.admin.find(request.gid))?.transaction.custom_data === request.custom_data;
  }
}
