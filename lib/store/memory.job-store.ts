import type { JobStatus } from '../core/jobs/job-info.js';
import { ClaimBytes } from './claim-bytes.js';
import { takenOver } from './attempt-marks.js';
import { meets, placeOf } from './job-conditions.js';
import {
  JobStore,
  type ClaimRequest,
  type ExpiredPage,
  type JobChange,
  type JobConditions,
  type JobQuery,
  type ClaimedJob,
  type JobRecord,
  type LeaseKey,
  type NewJob,
  type PreparedChange,
  type RecordPage,
} from './job-store.js';

/** A job as it is kept here, to be changed. */
export type MemoryJob = { -readonly [K in keyof JobRecord]: JobRecord[K] };

/**
 * Keeps jobs in memory: they are gone when the process ends. For tests, and for applications without a database. It
 * follows the contract of the other stores, except that it takes part in no transaction.
 *
 * @internal Internal to the library: it changes without notice.
 */
export class MemoryJobStore extends JobStore {
  readonly jobs = new Map<string, MemoryJob>();

  constructor(
    /** Epoch milliseconds. */
    readonly now: () => number = Date.now,
  ) {
    super();
  }

  /** All jobs, for those that count them. */
  all(): Iterable<JobRecord> {
    return this.jobs.values();
  }

  override async initialize(): Promise<void> {}

  override async insert(jobs: readonly NewJob[]): Promise<Set<string>> {
    const inserted = new Set<string>();
    for (const job of jobs) {
      if (this.jobs.has(job.gid)) continue;
      const { dueIn, ...values } = job;
      this.jobs.set(job.gid, {
        ...values,
        trace: job.trace ?? null,
        stepIndex: 0,
        attempts: 0,
        mark: null,
        crashes: null,
        attemptLog: null,
        error: null,
        errorName: null,
        createdAt: this.after(0),
        dueAt: this.after(dueIn),
        endedAt: null,
      });
      inserted.add(job.gid);
    }
    return inserted;
  }

  override insertIn(): Promise<boolean> {
    return noTransaction();
  }

  override renewIn(): Promise<void> {
    return noTransaction();
  }

  override async claim(request: ClaimRequest): Promise<ClaimedJob[]> {
    const { owner, limit, leaseDuration, steps, stillWanted } = request;
    if (stillWanted?.() === false) return [];
    const known = new Set<string | null>(steps);
    const now = this.now();
    const due = [...this.jobs.values()]
      .filter((job) => job.dueAt !== null && job.dueAt.getTime() <= now)
      .filter((job) => job.status === 'prepared' || (job.status === 'submitted' && known.has(job.stepName)))
      .sort((a, b) => a.dueAt!.getTime() - b.dueAt!.getTime())
      .slice(0, limit);
    const bytes = new ClaimBytes(request);
    const taken = due.filter((job) => bytes.takes(Buffer.byteLength(job.steps)));
    return taken.map((job) => {
      const dueFor = now - job.dueAt!.getTime();
      if (job.status === 'submitted' && job.owner !== null) Object.assign(job, takenOver(job));
      job.owner = owner;
      job.dueAt = this.after(leaseDuration);
      return { ...recordOf(job), dueFor };
    });
  }

  override async renew(keys: readonly LeaseKey[], leaseDuration: number): Promise<Set<string>> {
    return this.eachHeld(keys, isUnended, (job) => (job.dueAt = this.after(leaseDuration)));
  }

  override async held(keys: readonly LeaseKey[]): Promise<Set<string>> {
    return this.eachHeld(keys, isUnended, () => undefined);
  }

  override async change(changes: readonly JobChange[]): Promise<Set<string>> {
    const isCurrent = (job: JobRecord, change: JobChange): boolean =>
      job.status === 'submitted' && job.stepIndex === change.atStep;
    return this.eachHeld(changes, isCurrent, (job, change) => {
      job.status = change.status;
      job.stepIndex = change.stepIndex;
      job.stepName = change.stepName;
      job.attempts = change.attempts;
      job.mark = change.mark;
      job.crashes = change.crashes;
      job.attemptLog = change.attemptLog ?? job.attemptLog;
      job.error = change.error;
      job.errorName = change.error === null ? null : (change.errorName ?? job.errorName);
      if (change.release) job.owner = null;
      if (change.due !== 'keep') job.dueAt = change.due === null ? null : this.after(change.due);
      job.endedAt = change.status === 'submitted' ? null : this.after(0);
    });
  }

  override changeIn(): Promise<boolean> {
    return noTransaction();
  }

  override async changePrepared(changes: readonly PreparedChange[]): Promise<Set<string>> {
    return this.eachHeld(
      changes,
      (job) => job.status === 'prepared',
      (job, change) => {
        job.status = change.status;
        if (change.release) job.owner = null;
        job.dueAt = change.due === null ? null : this.after(change.due);
        job.endedAt = change.status === 'rolledBack' ? this.after(0) : null;
      },
    );
  }

  override async deleteNew(gid: string, owner: string | null): Promise<void> {
    const job = this.jobs.get(gid);
    if (job?.owner === owner && job.stepIndex === 0 && job.attempts === 0) this.jobs.delete(gid);
  }

  override async time(): Promise<Date> {
    return this.after(0);
  }

  override async find(gid: string): Promise<JobRecord | null> {
    const job = this.jobs.get(gid);
    return job ? recordOf(job) : null;
  }

  override findIn(): Promise<JobRecord | null> {
    return noTransaction();
  }

  override async list(query: JobQuery): Promise<RecordPage> {
    const { limit, maxBytes = Infinity } = query;
    const found = this.found(placeOf(query))
      .slice(0, query.within)
      .filter((job) => meets(job, query));
    let bytes = 0;
    const fitting = found.findIndex((job) => (bytes += Buffer.byteLength(job.steps)) > maxBytes);
    const count = Math.min(limit, fitting === -1 ? found.length : Math.max(fitting, 1));
    return { jobs: found.slice(0, count).map(recordOf), more: count < found.length };
  }

  /** Newest gid first. */
  found(conditions: JobConditions): MemoryJob[] {
    return [...this.jobs.values()]
      .filter((job) => meets(job, conditions))
      .sort((a, b) => compare(b.gid, a.gid));
  }

  override async retry(gid: string): Promise<boolean> {
    const job = this.jobs.get(gid);
    if (job?.status !== 'failed') return false;
    Object.assign(job, {
      status: 'submitted',
      attempts: 0,
      mark: null,
      crashes: null,
      error: null,
      errorName: null,
      owner: null,
      endedAt: null,
    });
    job.dueAt = this.after(0);
    return true;
  }

  override async cancel(gid: string): Promise<boolean> {
    const job = this.jobs.get(gid);
    if (job?.status !== 'submitted' && job?.status !== 'failed') return false;
    Object.assign(job, { status: 'canceled', owner: null, dueAt: null });
    job.endedAt = this.after(0);
    return true;
  }

  override async expired(after: string, limit: number, retention: number): Promise<ExpiredPage> {
    const page = [...this.jobs.values()]
      .filter((job) => job.gid > after)
      .sort((a, b) => compare(a.gid, b.gid))
      .slice(0, limit);
    const oldest = this.now() - retention;
    return {
      jobs: page
        .filter((job) => isOver(job.status) && job.endedAt !== null && job.endedAt.getTime() <= oldest)
        .map(({ gid, lookup }) => ({ gid, lookup })),
      next: page.at(-1)?.gid ?? null,
      young: page.length > 0 && page.at(-1)!.createdAt.getTime() > oldest,
    };
  }

  override async delete(gids: readonly string[]): Promise<void> {
    for (const gid of gids) {
      const job = this.jobs.get(gid);
      if (job && isOver(job.status)) this.jobs.delete(gid);
    }
  }

  override async unknownSteps(known: readonly string[], overdue: number): Promise<string[]> {
    const now = this.now();
    const names = new Set<string>();
    const held = new Set<string>();
    for (const { status, dueAt, stepName, owner } of this.jobs.values()) {
      if (status !== 'submitted' || dueAt === null || stepName === null) continue;
      if (owner !== null && dueAt.getTime() > now) held.add(stepName);
      if (dueAt.getTime() <= now - overdue && !known.includes(stepName)) names.add(stepName);
    }
    return [...names].filter((name) => !held.has(name));
  }

  override async dueIn(steps: readonly string[]): Promise<number | null> {
    const due = [...this.jobs.values()]
      .filter(
        (job) => job.status === 'prepared' || (job.status === 'submitted' && steps.includes(job.stepName!)),
      )
      .map((job) => job.dueAt!.getTime() - this.now());
    return due.length === 0 ? null : Math.min(...due);
  }

  override async elapse(milliseconds: number): Promise<void> {
    const back = (time: Date | null): Date | null => time && new Date(time.getTime() - milliseconds);
    for (const job of this.jobs.values()) {
      job.createdAt = back(job.createdAt)!;
      job.dueAt = back(job.dueAt);
      job.endedAt = back(job.endedAt);
    }
  }

  /** Runs `work` on each job that is still under its owner and that `condition` accepts. */
  private eachHeld<K extends LeaseKey>(
    keys: readonly K[],
    condition: (job: MemoryJob, key: K) => boolean,
    work: (job: MemoryJob, key: K) => unknown,
  ): Set<string> {
    const gids = new Set<string>();
    for (const key of keys) {
      const job = this.jobs.get(key.gid);
      if (!job || job.owner !== key.owner || !condition(job, key)) continue;
      work(job, key);
      gids.add(key.gid);
    }
    return gids;
  }

  private after(milliseconds: number): Date {
    return new Date(this.now() + milliseconds);
  }
}

function recordOf(job: JobRecord): JobRecord {
  return { ...job };
}

function isUnended(job: JobRecord): boolean {
  return job.status === 'submitted' || job.status === 'prepared';
}

/** Ended for good; a failed job waits for somebody to retry or cancel it. */
function isOver(status: JobStatus): boolean {
  return status === 'succeeded' || status === 'canceled' || status === 'rolledBack';
}

function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

function noTransaction(): Promise<never> {
  return Promise.reject(new TypeError('The memory store takes part in no transaction.'));
}
