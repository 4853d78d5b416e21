import { encodeBins } from '../../../core/operations/histogram.js';
import { HOUR_MS, MINUTE_MS, type CountedRow, type FleetStore } from '../../../store/fleet/fleet-store.js';
import type { AttemptCounters, StepCounts } from './attempt-counters.js';

/** Of one minute: what had been counted when it began, and what of it has been written. */
interface Minute {
  readonly bucket: number;
  readonly before: ReadonlyMap<string, StepCounts>;
  /** Rows that were sent, and of which no answer has come. */
  readonly unsure: Map<string, CountedRow>;
}

/**
 * Writes what a process has counted: rows of its own, one for each step and minute, with all that was counted in that minute so far.
 * So a row may be written any number of times, and nobody else touches it.
 *
 * The minute is the one of the store's clock when the counts are written. What was counted shortly before it began is counted in it.
 */
export class CountWriter {
  private minute: Minute = { bucket: -Infinity, before: new Map(), unsure: new Map() };
  /** Rows of earlier minutes that may not have been written. */
  private readonly left = new Map<string, CountedRow>();
  private written: ReadonlyMap<string, StepCounts> = new Map();

  constructor(
    private readonly store: FleetStore,
    private readonly counters: AttemptCounters,
    private readonly process: string,
  ) {}

  async write(): Promise<void> {
    const changed = [...this.counters.all].filter(([step, counts]) => this.hasChanged(step, counts));
    if (changed.length === 0 && this.left.size === 0 && this.minute.unsure.size === 0) return;
    const now = await this.store.now();
    this.enter(Math.floor(now / MINUTE_MS) * MINUTE_MS);
    // Others make hours of minutes that are so old, and delete them: written again, a row could count twice.
    for (const [key, { bucket }] of this.left) if (bucket < now - HOUR_MS) this.left.delete(key);
    const { minute } = this;
    const counted = new Map(changed.map(([step, counts]) => [step, counts.copy()]));
    for (const [step, counts] of counted) minute.unsure.set(step, this.rowOf(step, counts));
    const rows = [...this.left.values(), ...minute.unsure.values()];
    this.written = new Map([...this.written, ...counted]);
    await this.store.write(rows);
    this.left.clear();
    minute.unsure.clear();
  }

  private hasChanged(step: string, { attempts }: StepCounts): boolean {
    return attempts !== (this.written.get(step)?.attempts ?? 0);
  }

  /** A clock that was set back begins no minute anew, whose rows would be written over. */
  private enter(bucket: number): void {
    if (bucket <= this.minute.bucket) return;
    for (const row of this.minute.unsure.values()) this.left.set(JSON.stringify([row.bucket, row.step]), row);
    this.minute = { bucket, before: this.written, unsure: new Map() };
  }

  private rowOf(step: string, all: StepCounts): CountedRow {
    const { bucket, before } = this.minute;
    const counts = all.since(before.get(step));
    const { succeeded, failed, gaveUp, jobsSucceeded, runMs, waitMs } = counts;
    return {
      ...{ bucket, step, process: this.process, succeeded, failed, gaveUp, jobsSucceeded, runMs, waitMs },
      runBins: encodeBins(counts.runBins),
      waitBins: encodeBins(counts.waitBins),
    };
  }
}
