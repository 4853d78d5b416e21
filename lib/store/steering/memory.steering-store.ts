import type { MemoryJob, MemoryJobStore } from '../memory.job-store.js';
import type { NewAuditEntry } from './audit-store.js';
import type { MemoryAuditStore } from './memory.audit-store.js';
import {
  CANCELABLE,
  SteeringStore,
  type BulkChange,
  type BulkRetry,
  type StepEdit,
  type StepSkip,
} from './steering-store.js';

/**
 * Steers the jobs of a memory store.
 *
 * @internal Internal to the library: it changes without notice.
 */
export class MemorySteeringStore extends SteeringStore {
  constructor(
    private readonly store: MemoryJobStore,
    private readonly audit: MemoryAuditStore,
  ) {
    super();
  }

  override async now(): Promise<number> {
    return this.store.now();
  }

  override async retry(gid: string, note: NewAuditEntry): Promise<boolean> {
    return (await this.store.retry(gid)) && this.noted({ ...note, step: this.stepOf(gid) });
  }

  override async cancel(gid: string, note: NewAuditEntry): Promise<boolean> {
    return (await this.store.cancel(gid)) && this.noted({ ...note, step: this.stepOf(gid) });
  }

  override async edit({ gid, atStep, steps, newSteps }: StepEdit, note: NewAuditEntry): Promise<boolean> {
    const job = this.store.jobs.get(gid);
    if (job?.status !== 'failed' || job.stepIndex !== atStep || job.steps !== steps) return false;
    job.steps = newSteps;
    return (await this.store.retry(gid)) && this.noted(note);
  }

  override async skip(skip: StepSkip, note: NewAuditEntry): Promise<boolean> {
    const job = this.store.jobs.get(skip.gid);
    if (!job || job.stepIndex !== skip.atStep || !this.isFree(job)) return false;
    const now = new Date(this.store.now());
    const due = skip.keepsDue && job.status === 'submitted' ? job.dueAt : now;
    const { status, stepIndex, stepName, attempts, attemptLog } = skip;
    const ended = status === 'succeeded';
    Object.assign(job, {
      ...{ status, stepIndex, stepName, attempts, attemptLog },
      ...{ mark: null, crashes: null, error: null, owner: null },
      dueAt: ended ? null : due,
      endedAt: ended ? now : null,
    });
    return this.noted(note);
  }

  override async retryAll(gids: readonly string[], retry: BulkRetry): Promise<string[]> {
    const { since, delays, auditId } = retry;
    const delayOf = new Map(gids.map((gid, index) => [gid, delays[index]!]));
    const changed = this.meeting(gids, retry).filter(
      ({ status, endedAt }) => status === 'failed' && endedAt!.getTime() <= since,
    );
    for (const job of changed) {
      await this.store.retry(job.gid);
      const delay = delayOf.get(job.gid)!;
      if (delay > 0) job.dueAt = new Date(Math.max(this.store.now(), since + delay));
    }
    return this.counted(changed, auditId);
  }

  override async cancelAll(gids: readonly string[], change: BulkChange): Promise<string[]> {
    const changed = this.meeting(gids, change).filter(({ status }) => CANCELABLE.includes(status));
    for (const { gid } of changed) await this.store.cancel(gid);
    return this.counted(changed, change.auditId);
  }

  private meeting(gids: readonly string[], { conditions }: BulkChange): MemoryJob[] {
    const wanted = new Set(gids);
    return this.store.found(conditions).filter(({ gid }) => wanted.has(gid));
  }

  private async counted(changed: readonly MemoryJob[], auditId: string): Promise<string[]> {
    if (changed.length > 0) await this.audit.addCount(auditId, changed.length);
    return changed.map(({ gid }) => gid);
  }

  private isFree({ status, owner, dueAt }: MemoryJob): boolean {
    if (status === 'failed') return true;
    return status === 'submitted' && (owner === null || dueAt!.getTime() <= this.store.now());
  }

  private stepOf(gid: string): string | null {
    return this.store.jobs.get(gid)?.stepName ?? null;
  }

  private async noted(note: NewAuditEntry): Promise<true> {
    await this.audit.add(note);
    return true;
  }
}
