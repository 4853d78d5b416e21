import { isolated } from '../../core/detached.js';
import type { SteppingEventBus } from '../../core/events/event-bus.js';
import type { JobInfo } from '../../core/jobs/job-info.js';
import { LineLogger } from '../../core/line-logger.js';
import { readableJobs } from '../../core/payloads/job-payloads.js';
import type { Payloads } from '../../core/payloads/payloads.js';
import { within } from '../../core/within.js';
import type { JobStore } from '../../store/job-store.js';
import type { FailedJob } from './job-completer.js';
import { jobInfoOf } from './job-info.mapper.js';

/** Tells who listens, and the option `onJobFailed`, that a job has failed for good. Nothing of the job fails with them. */
export class FailureHook {
  private readonly logger = new LineLogger('SelfTransactionManager');

  constructor(
    private readonly store: JobStore,
    private readonly events: SteppingEventBus,
    private readonly payloads: Payloads,
    private readonly onJobFailed: ((job: JobInfo, error: unknown) => unknown) | undefined,
    /** Milliseconds. */
    private readonly gracePeriod: number,
    /** Where there are several stores: the name of this one. */
    private readonly dataSource?: string,
  ) {}

  async failed(job: FailedJob, error: unknown): Promise<void> {
    this.events.emit({ event: 'job.failed', ...job, error });
    const { onJobFailed, gracePeriod } = this;
    const { gid } = job;
    if (!onJobFailed) return;
    try {
      const record = await this.store.find(gid);
      if (!record) return;
      const [readable] = await readableJobs(this.payloads, [jobInfoOf(record)]);
      const info = { ...readable!, ...(this.dataSource !== undefined && { dataSource: this.dataSource }) };
      const settled = isolated(async () => onJobFailed(info, error)).then(() => true);
      if (await within(gracePeriod, settled)) return;
      this.logger.error(
        `onJobFailed of job ${gid} has not settled within ${gracePeriod} ms; nobody waits for it.`,
      );
    } catch (hookError) {
      this.logger.error(`onJobFailed of job ${gid} failed: ${this.payloads.loggable(hookError)}`);
    }
  }
}
