import { encodeSteps } from '../../../lib/core/jobs/job-message.js';
import { StepRegistry } from '../../../lib/core/steps/step.registry.js';
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
export function leasedJob(gid: string, owner = 'owner', stepName = 'ping', bytes = 1): LeasedJob {
  const lease = new Lease(gid, owner, performance.now() + 60_000);
  return LeasedJob.started(encodeSteps([{ name: stepName }, { name: 'pong' }]), lease, { stepName, bytes });
}

/** Steps by name, each with its limit. */
export function registryOf(steps: Readonly<Record<string, number | undefined>>): StepRegistry {
  const registry = new StepRegistry();
  registry.register(
    Object.entries(steps).map(([name, concurrency]) => ({
      name,
      aliases: [],
      transactional: false,
      concurrency,
      place: name,
      classes: [],
      resolve: () => ({ handler: { execute: () => undefined } }),
    })),
  );
  return registry;
}
