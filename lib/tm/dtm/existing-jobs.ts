import { type JobMessage, encodeSteps } from '../../core/jobs/job-message.js';
import { sameSteps } from '../../core/payloads/job-payloads.js';
import type { Payloads } from '../../core/payloads/payloads.js';
import { DuplicateGidError } from '../../errors/index.js';
import type { DtmAdminClient } from './dtm-admin.client.js';
import { jobStatusOf, storedStepsOf } from './dtm-job-info.mapper.js';
import type { DtmRequest } from './dtm.client.js';
import { toWireGid } from './wire-gid.js';

/** Tells whether a job that DTM already has is the one that is being started. */
export class ExistingJobs {
  constructor(
    private readonly admin: DtmAdminClient,
    private readonly payloads: Payloads,
  ) {}

  /**
   * Whether DTM has this very job already, at whatever stage.
   *
   * @throws DuplicateGidError when it has another one of this gid, or one that failed.
   */
  async isSame(message: JobMessage): Promise<boolean> {
    const job = await this.admin.find(toWireGid(message.gid));
    if (!job) return false;
    const { status } = job.transaction;
    const steps = storedStepsOf(job);
    const same = () => sameSteps(this.payloads, message.gid, encodeSteps(steps), encodeSteps(message.steps));
    if (status !== 'failed' && (await same())) return true;
    throw new DuplicateGidError(message.gid, {
      status: jobStatusOf(status),
      steps: steps.map(({ name }) => name),
    });
  }

  /**
   * @param status What DTM says of the job that is there.
   * @throws DuplicateGidError unless it is the same job, which lives or has succeeded.
   */
  async assertSame(message: JobMessage, status: string): Promise<void> {
    if (status === 'failed') throw new DuplicateGidError(message.gid, { status: 'rolledBack', steps: [] });
    if (!(await this.isSame(message)))
      throw new DuplicateGidError(message.gid, { status: jobStatusOf(status), steps: [] });
  }

  /** Whether the prepared job that DTM has came from this very request. */
  async cameFrom(request: DtmRequest): Promise<boolean> {
    return (await this.admin.find(request.gid))?.transaction.custom_data === request.custom_data;
  }
}
