import { setTimeout as sleep } from 'node:timers/promises';
import { type JobMessage, stepNamesOf } from '../../core/jobs/job-message.js';
import { haveOneOrigin } from '../../core/jobs/job-origin.js';
import { sameSteps } from '../../core/payloads/job-payloads.js';
import type { Payloads } from '../../core/payloads/payloads.js';
import { DuplicateGidError } from '../../errors/index.js';
import type { JobRecord, JobStore } from '../../store/job-store.js';
import { decodeLookup, originOf, type JobLookup } from './job-lookup.js';

/** How long the same job may be found prepared, since its transaction has committed and the submit is on its way. */
const SUBMIT_PATIENCE_MS = 500;
const SUBMIT_PAUSE_MS = 10;

/** The job of this gid, once its transaction is known to have ended. */
export async function findSubmitted(store: JobStore, gid: string): Promise<JobRecord | null> {
  const deadline = performance.now() + SUBMIT_PATIENCE_MS;
  for (;;) {
    const record = await store.find(gid);
    if (record?.status !== 'prepared' || performance.now() >= deadline) return record;
    await sleep(SUBMIT_PAUSE_MS);
  }
}

/** The same gid with the same steps, of the same tenant, is the same job while it lives, and after it succeeded. */
export async function assertSame(
  payloads: Payloads,
  message: JobMessage,
  steps: string,
  lookup: JobLookup | undefined,
  find: () => Promise<JobRecord | null>,
): Promise<void> {
  const existing = await find();
  // It is gone again when the other transaction was rolled back while this one waited for it.
  const status = existing?.status ?? 'rolledBack';
  const names = existing ? stepNamesOf(existing.steps) : [];
  // A prepared job may still vanish with its own transaction.
  const alive = status === 'submitted' || status === 'succeeded';
  const otherTenant = existing !== null && !haveOneOrigin(originOf(lookupOf(existing)), originOf(lookup));
  const isSame = async () => existing !== null && sameSteps(payloads, message.gid, existing.steps, steps);
  if (!alive || otherTenant || !(await isSame())) {
    throw new DuplicateGidError(message.gid, { status, steps: names, otherTenant });
  }
}

/** None where it cannot be read, which only a job that cannot run either has. */
function lookupOf({ lookup }: JobRecord): JobLookup | undefined {
  try {
    return lookup === null ? undefined : decodeLookup(lookup);
  } catch {
    return undefined;
  }
}
