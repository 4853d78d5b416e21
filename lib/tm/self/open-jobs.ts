import type { QueryRunnerLike } from '../../core/transactions/typeorm.types.js';
import type { JobStore, LeaseKey } from '../../store/job-store.js';

/** A job whose transaction is still open. */
export interface OpenJob extends LeaseKey {
  readonly runner: QueryRunnerLike;
  readonly sent: { sentAt: number; readonly waiting?: boolean };
}

/**
 * In a transaction that has been open for long, the leases would be over when the rows become visible, and other processes
 * would take the jobs. Rows that are sent with the COMMIT are fresh.
 *
 * @param jobs of one transaction, which is about to commit.
 */
export async function renewOld(
  store: JobStore,
  leaseDuration: number,
  jobs: readonly OpenJob[],
): Promise<void> {
  const now = performance.now();
  const old = jobs.filter(({ sent }) => !sent.waiting && now - sent.sentAt > leaseDuration / 3);
  if (old.length === 0) return;
  await store.renewIn(old[0]!.runner, old, leaseDuration);
  for (const { sent } of old) sent.sentAt = now;
}
