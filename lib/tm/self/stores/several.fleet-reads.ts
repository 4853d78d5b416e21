import type { MissingStore } from '../../../core/jobs/missing-store.js';
import type {
  CountedRange,
  CountedRow,
  Counts,
  FailedRow,
  FleetReads,
  JobCounts,
  ProcessRecord,
} from '../../../store/fleet/fleet-store.js';
import { askAll, missingOf, type KeptStore } from './kept-store.js';

/** What several stores know of processes and jobs, as one. Stores that are away are left out. */
export class SeveralFleetReads implements FleetReads {
  constructor(private readonly stores: readonly KeptStore[]) {}

  /** Of the store that answers first in their order. */
  async now(): Promise<number> {
    return (await this.all((fleet) => fleet.now())).values[0]!;
  }

  async processes(milliseconds: number): Promise<ProcessRecord[]> {
    const { values } = await this.all((fleet) => fleet.processes(milliseconds));
    const byId = new Map<string, ProcessRecord>();
    for (const record of values.flat()) {
      const known = byId.get(record.id);
      byId.set(record.id, known ? merged(known, record) : record);
    }
    return [...byId.values()].sort((a, b) => b.seenAt.getTime() - a.seenAt.getTime());
  }

  async countedBySteps(range: CountedRange): Promise<(Counts & { readonly step: string })[]> {
    const { values } = await this.all((fleet) => fleet.countedBySteps(range));
    const bySteps = new Map<string, Counts & { readonly step: string }>();
    for (const row of values.flat()) {
      const known = bySteps.get(row.step);
      bySteps.set(row.step, known ? { step: row.step, ...sumOf(known, row) } : row);
    }
    return [...bySteps.values()];
  }

  async countedByTime(range: CountedRange): Promise<(Counts & { readonly bucket: number })[]> {
    return (await this.all((fleet) => fleet.countedByTime(range))).values.flat();
  }

  async bins(range: CountedRange): Promise<Pick<CountedRow, 'step' | 'runBins' | 'waitBins'>[]> {
    return (await this.all((fleet) => fleet.bins(range))).values.flat();
  }

  async jobs(): Promise<JobCounts> {
    const { values, missing } = await this.all((fleet) => fleet.jobs());
    const sum = (numberOf: (counts: JobCounts) => number) =>
      values.reduce((total, counts) => total + numberOf(counts), 0);
    return {
      at: values[0]!.at,
      limit: sum(({ limit }) => limit),
      due: values.flatMap(({ due }) => due),
      moreDue: values.some(({ moreDue }) => moreDue),
      later: values.flatMap(({ later }) => later),
      moreLater: values.some(({ moreLater }) => moreLater),
      failed: sum(({ failed }) => failed),
      moreFailed: values.some(({ moreFailed }) => moreFailed),
      ...missing,
    };
  }

  async failures(limit: number): Promise<FailedRow[]> {
    const { values } = await this.all((fleet) => fleet.failures(limit));
    const rows = values.flat().sort((a, b) => b.endedAt.getTime() - a.endedAt.getTime());
    return rows.slice(0, limit);
  }

  private async all<T>(read: (fleet: FleetReads) => Promise<T>): Promise<{
    readonly values: readonly T[];
    readonly missing: { readonly missing?: readonly MissingStore[] };
  }> {
    const asked = await askAll(this.stores, (_, { monitoring }) => read(monitoring.store));
    return { values: asked.answers.map(({ value }) => value), missing: missingOf(asked) };
  }
}

/** Of one process, which tells each of its stores what it does for that one. */
function merged(one: ProcessRecord, other: ProcessRecord): ProcessRecord {
  const [newer, older] = one.seenAt >= other.seenAt ? [one, other] : [other, one];
  const recovered = [one.recoveredAt, other.recoveredAt].flatMap((time) => time?.getTime() ?? []);
  return {
    ...newer,
    startedAt: one.startedAt <= other.startedAt ? one.startedAt : other.startedAt,
    recoveredAt: recovered.length === 0 ? null : new Date(Math.max(...recovered)),
    running: one.running + other.running,
    waiting: one.waiting + other.waiting,
    busy: [...newer.busy, ...older.busy].sort((a, b) => b.forMs - a.forMs),
  };
}

function sumOf(one: Counts, other: Counts): Counts {
  return {
    succeeded: one.succeeded + other.succeeded,
    failed: one.failed + other.failed,
    gaveUp: one.gaveUp + other.gaveUp,
    jobsSucceeded: one.jobsSucceeded + other.jobsSucceeded,
    runMs: one.runMs + other.runMs,
    waitMs: one.waitMs + other.waitMs,
  };
}
