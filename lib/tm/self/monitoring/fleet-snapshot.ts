import type {
  AttemptNumbers,
  BoundedCount,
  FleetOverview,
  ProcessInfo,
  StepPause,
} from '../../../core/operations/fleet-numbers.js';
import {
  MINUTE_MS,
  type Counts,
  type DueGroup,
  type FleetReads,
  type JobCounts,
  type ProcessRecord,
} from '../../../store/fleet/fleet-store.js';
import type { PausedSteps } from '../steering/step-controls.js';
import { KEEP_GONE_MS } from './process-monitor.js';

/** So many heartbeats without a word, and a process counts as gone. */
export const GONE_AFTER_HEARTBEATS = 3;

/** The due jobs of a step. */
export interface DueStep {
  readonly count: BoundedCount;
  readonly oldestMs: number;
}

/** What is known of jobs and processes at one time. */
export class FleetSnapshot {
  private constructor(
    private readonly jobs: JobCounts,
    private readonly records: readonly ProcessRecord[] | null,
    private readonly counts: readonly Counts[] | null,
    private readonly heartbeat: number,
    private readonly pauses: PausedSteps,
    /** Why the processes could not be read. */
    readonly processesError?: unknown,
  ) {}

  /** @param heartbeat milliseconds; `null` where processes are not known. */
  static async take(
    store: FleetReads,
    heartbeat: number | null,
    pauses: () => Promise<PausedSteps>,
  ): Promise<FleetSnapshot> {
    const paused = await pauses();
    const jobs = await store.jobs();
    if (heartbeat === null) return new FleetSnapshot(jobs, null, null, 0, paused);
    // The jobs could be read, so the store is there. What is missing is information: a table of its own, or the right to read it.
    let processesError: unknown;
    const records = await store.processes(KEEP_GONE_MS).catch((error: unknown) => {
      processesError = error;
      return null;
    });
    const minute = Math.floor(jobs.at.getTime() / MINUTE_MS) * MINUTE_MS;
    const counts = await store.countedByTime({ from: minute - MINUTE_MS, to: minute }).catch(() => null);
    return new FleetSnapshot(jobs, records, counts, heartbeat, paused, processesError);
  }

  get at(): Date {
    return this.jobs.at;
  }

  /** By the names of the steps. */
  get paused(): ReadonlyMap<string, StepPause> {
    return this.pauses.bySteps;
  }

  /** By any name of the step. */
  pauseOf(step: string): StepPause | undefined {
    return this.pauses.byAnyName.get(step);
  }

  get failed(): BoundedCount {
    return { count: this.jobs.failed, more: this.jobs.moreFailed };
  }

  /** `null` where they are not known. */
  get processes(): readonly ProcessInfo[] | null {
    const { records, at } = this;
    if (!records) return null;
    const goneBefore = at.getTime() - GONE_AFTER_HEARTBEATS * this.heartbeat;
    const held = this.heldByProcess();
    return records.map((record) => ({
      ...record,
      state: record.seenAt.getTime() < goneBefore ? ('gone' as const) : record.state,
      held: held.get(record.id) ?? 0,
      busy: record.busy.map(({ gid, step, forMs }) => ({
        gid,
        step,
        since: new Date(record.seenAt.getTime() - forMs),
      })),
    }));
  }

  get alive(): readonly ProcessInfo[] | null {
    return this.processes?.filter(({ state }) => state === 'alive') ?? null;
  }

  get recoveredAt(): Date | null {
    const times = (this.alive ?? []).flatMap(
      ({ runsSteps, recoveredAt }) => (runsSteps && recoveredAt) || [],
    );
    return times.length === 0 ? null : new Date(Math.max(...times.map((time) => time.getTime())));
  }

  /** The due jobs of each step; `more` where further jobs were not looked at. */
  get dueSteps(): ReadonlyMap<string, DueStep> {
    const steps = new Map<string, DueStep>();
    for (const group of this.jobs.due) {
      const known = steps.get(group.step);
      const count = group.jobs + (known?.count.count ?? 0);
      const oldestMs = Math.max(this.age(group), known?.oldestMs ?? 0);
      steps.set(group.step, { count: { count, more: this.jobs.moreDue }, oldestMs });
    }
    return steps;
  }

  overview(): FleetOverview {
    const { jobs, alive } = this;
    const ages = jobs.due.filter(({ step }) => !this.pauseOf(step)).map((group) => this.age(group));
    const later = (kind: 'held' | 'waiting' | 'prepared'): BoundedCount => {
      const groups = jobs.later.filter(({ status, process }) =>
        kind === 'prepared'
          ? status === kind
          : status === 'submitted' && (process !== null) === (kind === 'held'),
      );
      return bounded(sumOf(groups), jobs.moreLater, jobs.limit);
    };
    return {
      at: jobs.at,
      due: bounded(sumOf(jobs.due), jobs.moreDue, jobs.limit),
      oldestDueMs: ages.length === 0 ? null : Math.max(...ages),
      held: later('held'),
      waiting: later('waiting'),
      prepared: later('prepared'),
      failed: this.failed,
      running: alive && alive.reduce((sum, { running }) => sum + running, 0),
      processes: alive && alive.length,
      lastMinute: this.counts && attemptNumbers(this.counts),
      recoveredAt: this.recoveredAt,
      paused: Object.fromEntries(this.paused),
      ...(jobs.missing && { missing: jobs.missing }),
    };
  }

  private age({ oldest }: DueGroup): number {
    return Math.max(0, this.at.getTime() - oldest.getTime());
  }

  private heldByProcess(): ReadonlyMap<string, number> {
    const held = new Map<string, number>();
    for (const { process, jobs } of [...this.jobs.due, ...this.jobs.later])
      if (process !== null) held.set(process, jobs + (held.get(process) ?? 0));
    return held;
  }
}

/** The sum of counts. */
export function attemptNumbers(all: readonly Counts[]): AttemptNumbers {
  const sum = (name: keyof AttemptNumbers) => all.reduce((total, counts) => total + counts[name], 0);
  return {
    succeeded: sum('succeeded'),
    failed: sum('failed'),
    gaveUp: sum('gaveUp'),
    jobsSucceeded: sum('jobsSucceeded'),
  };
}

function sumOf(groups: readonly { readonly jobs: number }[]): number {
  return groups.reduce((sum, { jobs }) => sum + jobs, 0);
}

function bounded(count: number, more: boolean, limit: number): BoundedCount {
  return { count: Math.min(count, limit), more };
}
