import { setImmediate as turnOfOthers } from 'node:timers/promises';
import type { BackgroundService } from '../../../core/background-service.js';
import { checkBulkFilter, refuseEncoded, type CheckedConditions } from '../../../core/jobs/job-filter.js';
import type { JobFilter } from '../../../core/jobs/job-info.js';
import type { BulkOptions, BulkResult, BulkRetryOptions } from '../../../core/jobs/job-operations.js';
import { checkBulk, checkBulkRetry } from '../../../core/jobs/steering-options.js';
import { WaitGroup } from '../../../core/wait-group.js';
import type { Payloads } from '../../../core/payloads/payloads.js';
import type { AuditStore } from '../../../store/steering/audit-store.js';
import { CANCELABLE, type SteeringStore } from '../../../store/steering/steering-store.js';
import type { SteeringWitness } from './job-steering.js';
import { conditionsOf, type JobSearch } from './job-search.js';

/** The rows of one transaction: its locks are held for a moment. */
const CHUNK = 1000;
/** To change a job takes longer than to look at it, and on SQLite the event loop stands still for both. */
const LOOKS_PER_CHANGE = 10;

interface Found {
  /** The oldest first. */
  readonly gids: readonly string[];
  readonly more: boolean;
}

interface Bulk {
  readonly action: 'retry' | 'cancel';
  readonly conditions: CheckedConditions;
  readonly reason: string;
  readonly by: string;
  readonly dryRun: boolean;
  readonly found: Found;
  readonly spread?: number;
}

/** What is done by hand to all jobs that a filter finds: in chunks, each in a transaction of its own. */
export class BulkSteering implements BackgroundService {
  private stopped = false;
  private readonly underWay = new WaitGroup();
  private readonly chunk: number;

  constructor(
    private readonly steering: SteeringStore,
    private readonly audit: AuditStore,
    private readonly search: JobSearch,
    private readonly payloads: Payloads,
    private readonly witness: SteeringWitness,
  ) {
    this.chunk = Math.min(CHUNK, search.rows / LOOKS_PER_CHANGE);
  }

  async retryAll(filter: JobFilter, options: BulkRetryOptions): Promise<BulkResult> {
    const conditions = this.checked(filter, ['failed']);
    const { spread, limit, ...note } = checkBulkRetry(options);
    const since = await this.steering.now();
    const found = await this.search.gids(conditions, limit);
    const step = spread / found.gids.length;
    let first = 0;
    return this.run({ action: 'retry', conditions, found, spread, ...note }, async (gids, auditId) => {
      const delays = gids.map((_, index) => (first + index) * step);
      first += gids.length;
      const retry = { conditions: conditionsOf(conditions), auditId, since, delays };
      const retried = await this.steering.retryAll(gids, retry);
      for (const gid of retried) this.witness.retried(gid);
      if (retried.length > 0) this.witness.wake();
      return retried.length;
    });
  }

  async cancelAll(filter: JobFilter, options: BulkOptions): Promise<BulkResult> {
    const conditions = this.checked(filter, CANCELABLE);
    const { limit, ...note } = checkBulk(options);
    const found = await this.search.gids(conditions, limit);
    return this.run({ action: 'cancel', conditions, found, ...note }, async (gids, auditId) => {
      const canceled = await this.steering.cancelAll(gids, { conditions: conditionsOf(conditions), auditId });
      for (const gid of canceled) this.witness.canceled(gid);
      return canceled.length;
    });
  }

  /** No chunk begins any more. */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.underWay.wait();
  }

  private checked(filter: JobFilter, possible: Parameters<typeof checkBulkFilter>[1]): CheckedConditions {
    const conditions = checkBulkFilter(filter, possible);
    refuseEncoded(this.payloads, conditions);
    return conditions;
  }

  /** The entry of the audit is there before the first job is changed, and tells what was done if this process dies. */
  private async run(
    bulk: Bulk,
    change: (gids: readonly string[], auditId: string) => Promise<number>,
  ): Promise<BulkResult> {
    const { gids, more } = bulk.found;
    let changed = 0;
    let unasked = false;
    if (gids.length > 0 && !bulk.dryRun) {
      const auditId = await this.audit.add(entryOf(bulk));
      for (let from = 0; from < gids.length; from += this.chunk) {
        await turnOfOthers();
        unasked = this.stopped;
        if (unasked) break;
        changed += await this.underWay.run(() => change(gids.slice(from, from + this.chunk), auditId));
      }
    }
    return { matched: gids.length, changed, more: more || unasked };
  }
}

function entryOf({ action, conditions, reason, by, spread }: Bulk): Parameters<AuditStore['add']>[0] {
  const detail = JSON.stringify({ filter: conditions, ...(spread !== undefined && { spreadMs: spread }) });
  return { action, gid: null, step: conditions.step ?? null, reason, by, count: 0, detail };
}
