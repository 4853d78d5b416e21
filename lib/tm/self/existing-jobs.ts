import { setTimeout as sleep } from 'node:timers/promises';
import { type JobMessage, sameSteps, stepNamesOf } from '../../core/jobs/job-message.js';
import { DuplicateGidError } from '../../errors/index.js';
import type { JobRecord, JobStore } from '../../store/job-store.js';

/** How long the same job may be found prepared, since its transaction has committed and the submit is on its way. */
const SUBMIT_PATIENCE_MS = 500;
const SUBMIT_PAUSE_MS = 10;

/** Compares a job that is started with the one that has its gid already. */
export class ExistingJobs {
  constructor(private readonly store: JobStore) {}

  /** The same gid with the same steps is the same job while it lives, and after it succeeded. */
  async assertSame(message: JobMessage, steps: string, find: () => Promise<JobRecord | null>): Promise<void> {
    const existing = await find();
    // It is gone again when the other transaction was rolled back while this one waited for it.
    const status = existing?.status ?? 'rolledBack';
    const names = existing ? stepNamesOf(existing.steps) : [];
    // A prepared job may still vanish with its own transaction.
    const alive = status === 'submitted' || status === 'succeeded';
    if (!existing || !alive || !sameSteps(existing.steps, steps)) {
      throw new DuplicateGidError(message.gid, { status, steps: names });
    }
  }

  async findSubmitted(gid: string): Promise<JobRecord | null> {
    const deadline = performance.now() + SUBMIT_PATIENCE_MS;
    for (;;) {
      const record = await this.store.find(gid);
      if (record?.status !== 'prepared' || performance.now() >= deadline) return record;
      await sleep(SUBMIT_PAUSE_MS);
    }
  }
}
