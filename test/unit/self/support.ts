import { encodeSteps } from '../../../lib/core/jobs/job-message.js';
import type { NewJob } from '../../../lib/store/job-store.js';
import { Lease } from '../../../lib/tm/self/lease.js';
import { LeasedJob } from '../../../lib/tm/self/leased-job.js';

/** A job of one step, due at once. */
export function newJob(gid: string, values: Partial<NewJob> = {}): NewJob {
  const steps = encodeSteps([{ name: 'ping' }]);
  return {
    gid,
    name: null,
    status: 'submitted',
    steps,
    stepName: 'ping',
    owner: null,
    dueIn: 0,
    lookup: null,
    ...values,
  };
}

/** A job that is leased for a minute. */
export function leasedJob(gid: string, owner = 'owner'): LeasedJob {
  const lease = new Lease(gid, owner, performance.now() + 60_000);
  return LeasedJob.started(encodeSteps([{ name: 'ping' }, { name: 'pong' }]), lease);
}
