import { rangeOfOwnGids } from '../../core/jobs/gid.js';
import type { JobRecord } from '../job-store.js';
import type { MemoryJobStore } from '../memory.job-store.js';
import {
  COUNT_LIMIT,
  FleetStore,
  HOUR_MS,
  KEEP_HOURS_MS,
  KEEP_MINUTES_MS,
  type CountedRange,
  type CountedRow,
  type Counts,
  type DueGroup,
  type FailedRow,
  type JobCounts,
  type LaterGroup,
  type ProcessRecord,
  type ProcessReport,
} from './fleet-store.js';
import { hourOf, rolledUp } from './rolled-up.js';
import { sampledFailures } from './sampled-failures.js';

/** What is known of the one process that keeps its jobs in memory. */
export class MemoryFleetStore extends FleetStore {
  private readonly known = new Map<string, ProcessRecord>();
  private readonly rows = new Map<string, CountedRow>();

  constructor(private readonly store: MemoryJobStore) {
    super();
  }

  override async now(): Promise<number> {
    return this.store.now();
  }

  override async announce({ startedAgo, recoveredAgo, ...report }: ProcessReport): Promise<void> {
    this.known.set(report.id, {
      ...report,
      startedAt: this.ago(startedAgo),
      seenAt: this.ago(0),
      recoveredAt: recoveredAgo === null ? null : this.ago(recoveredAgo),
    });
  }

  override async beat(report: ProcessReport): Promise<boolean> {
    const known = this.known.get(report.id);
    if (!known) return false;
    await this.announce({ ...report, steps: known.steps });
    this.known.set(report.id, { ...this.known.get(report.id)!, startedAt: known.startedAt });
    return true;
  }

  override async forget(id: string): Promise<void> {
    this.known.delete(id);
  }

  override async forgetSilent(milliseconds: number): Promise<void> {
    for (const { id, seenAt } of this.known.values())
      if (seenAt < this.ago(milliseconds)) this.known.delete(id);
  }

  override async processes(milliseconds: number): Promise<ProcessRecord[]> {
    return [...this.known.values()]
      .filter(({ seenAt }) => seenAt >= this.ago(milliseconds))
      .sort((a, b) => b.seenAt.getTime() - a.seenAt.getTime());
  }

  override async write(rows: readonly CountedRow[]): Promise<void> {
    for (const row of rows) this.rows.set(keyOf(row), row);
  }

  override async rollUp(): Promise<boolean> {
    const now = this.store.now();
    const end = hourOf(now - KEEP_MINUTES_MS);
    const all = [...this.rows.values()];
    const minutes = all.filter((row) => row.process !== '' && row.bucket < end);
    const hours = all.filter((row) => row.process === '' && row.bucket < end + HOUR_MS);
    for (const row of minutes) this.rows.delete(keyOf(row));
    await this.write(rolledUp(minutes, hours));
    for (const row of all) if (row.bucket < now - KEEP_HOURS_MS) this.rows.delete(keyOf(row));
    return minutes.length > 0;
  }

  override async countedBySteps(range: CountedRange): Promise<(Counts & { readonly step: string })[]> {
    return sums(this.within(range), ({ step }) => step).map(([step, counts]) => ({ ...counts, step }));
  }

  override async countedByTime(range: CountedRange): Promise<(Counts & { readonly bucket: number })[]> {
    return sums(this.within(range), ({ bucket }) => bucket).map(([bucket, counts]) => ({
      ...counts,
      bucket,
    }));
  }

  override async bins(range: CountedRange): Promise<Pick<CountedRow, 'step' | 'runBins' | 'waitBins'>[]> {
    return this.within(range).map(({ step, runBins, waitBins }) => ({ step, runBins, waitBins }));
  }

  override async jobs(): Promise<JobCounts> {
    const now = this.store.now();
    const open = [...this.store.all()].filter(({ dueAt }) => dueAt !== null);
    const isDue = ({ dueAt }: JobRecord) => dueAt!.getTime() <= now;
    const due = open.filter((job) => isDue(job) && job.status === 'submitted').sort(byDueAt);
    const later = open.filter((job) => !isDue(job) || job.status === 'prepared').sort(byDueAt);
    const failed = [...this.store.all()].filter(({ status }) => status === 'failed').length;
    return {
      at: new Date(now),
      limit: COUNT_LIMIT,
      due: dueGroups(due.slice(0, COUNT_LIMIT)),
      moreDue: due.length > COUNT_LIMIT,
      later: laterGroups(later.slice(0, COUNT_LIMIT)),
      moreLater: later.length > COUNT_LIMIT,
      failed: Math.min(failed, COUNT_LIMIT),
      moreFailed: failed > COUNT_LIMIT,
    };
  }

  override async failures(limit: number): Promise<FailedRow[]> {
    const failures = [...this.store.all()]
      .filter(({ status }) => status === 'failed')
      .map(({ gid, stepName, errorName, error, endedAt }) => ({
        gid,
        step: stepName ?? '',
        errorName,
        error,
        endedAt: endedAt!,
      }));
    return sampledFailures(failures, limit, rangeOfOwnGids());
  }

  private within({ from, to, step }: CountedRange): CountedRow[] {
    return [...this.rows.values()].filter(
      (row) => row.bucket >= from && row.bucket < to && (step === undefined || row.step === step),
    );
  }

  private ago(milliseconds: number): Date {
    return new Date(this.store.now() - milliseconds);
  }
}

function keyOf({ bucket, step, process }: CountedRow): string {
  return JSON.stringify([bucket, step, process]);
}

function sums<K>(rows: readonly CountedRow[], keyOfRow: (row: CountedRow) => K): [K, Counts][] {
  const groups = new Map<K, Counts>();
  for (const row of rows) {
    const key = keyOfRow(row);
    const sum = groups.get(key);
    groups.set(key, {
      succeeded: row.succeeded + (sum?.succeeded ?? 0),
      failed: row.failed + (sum?.failed ?? 0),
      gaveUp: row.gaveUp + (sum?.gaveUp ?? 0),
      jobsSucceeded: row.jobsSucceeded + (sum?.jobsSucceeded ?? 0),
      runMs: row.runMs + (sum?.runMs ?? 0),
      waitMs: row.waitMs + (sum?.waitMs ?? 0),
    });
  }
  return [...groups];
}

function byDueAt(a: JobRecord, b: JobRecord): number {
  return a.dueAt!.getTime() - b.dueAt!.getTime();
}

function processOf({ owner }: JobRecord): string | null {
  return owner === null ? null : owner.slice(0, 12);
}

function dueGroups(jobs: readonly JobRecord[]): DueGroup[] {
  const groups = new Map<string, DueGroup>();
  for (const job of jobs) {
    const [step, process] = [job.stepName ?? '', processOf(job)];
    const key = JSON.stringify([step, process]);
    const group = groups.get(key) ?? { step, process, jobs: 0, oldest: job.dueAt! };
    groups.set(key, { ...group, jobs: group.jobs + 1 });
  }
  return [...groups.values()];
}

function laterGroups(jobs: readonly JobRecord[]): LaterGroup[] {
  const groups = new Map<string, LaterGroup>();
  for (const job of jobs) {
    const [status, process] = [job.status as LaterGroup['status'], processOf(job)];
    const key = `${status} ${process}`;
    const group = groups.get(key) ?? { status, process, jobs: 0 };
    groups.set(key, { ...group, jobs: group.jobs + 1 });
  }
  return [...groups.values()];
}
