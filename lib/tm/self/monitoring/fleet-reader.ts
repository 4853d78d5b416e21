import { BriefCache } from '../../../core/brief-cache.js';
import type {
  FailureGroup,
  FailureGroups,
  FleetOverview,
  ProcessInfo,
  StepNumbers,
  Timeline,
  TimelineQuery,
  TimeRange,
} from '../../../core/operations/fleet-numbers.js';
import { addBins, durationNumbers, noBins } from '../../../core/operations/histogram.js';
import { isName, NAME_RULE } from '../../../core/name.js';
import { isEncodedError, plainInError } from '../../../core/payloads/stored-forms.js';
import { InvalidOptionError } from '../../../errors/index.js';
import { checkedOption, dateOption, readOptions } from '../../../core/options.js';
import {
  HOUR_MS,
  KEEP_HOURS_MS,
  KEEP_MINUTES_MS,
  MINUTE_MS,
  type CountedRange,
  type Counts,
  type FailedRow,
  type FleetReads,
} from '../../../store/fleet/fleet-store.js';
import type { PausedSteps } from '../steering/step-controls.js';
import { attemptNumbers, FleetSnapshot } from './fleet-snapshot.js';

/** However many look at it. */
const SNAPSHOT_MS = 2_000;
const MAX_FAILURES = 1000;
const MAX_STEPS = 1000;
const MAX_MESSAGE = 300;

const RANGE = { from: dateOption(), to: dateOption() };
const QUERY = { ...RANGE, step: checkedOption<string>(isName, NAME_RULE) };

const NO_COUNTS = { succeeded: 0, failed: 0, gaveUp: 0, jobsSucceeded: 0, runMs: 0, waitMs: 0 };

export interface FleetReaderOptions {
  /** Milliseconds; `null` where processes are not known and nothing is counted. */
  readonly heartbeat: number | null;
  /** Whether a codec keeps the texts of errors. */
  readonly encodes: boolean;
  /** The paused steps, by name, as the store tells them now. */
  readonly pauses: () => Promise<PausedSteps>;
}

/** Answers what is asked about the fleet. */
export class FleetReader {
  private readonly snapshots: BriefCache<FleetSnapshot>;

  constructor(
    private readonly store: FleetReads,
    private readonly options: FleetReaderOptions,
  ) {
    this.snapshots = new BriefCache(
      () => FleetSnapshot.take(store, options.heartbeat, options.pauses),
      SNAPSHOT_MS,
    );
  }

  /** At most two seconds old. */
  snapshot(): Promise<FleetSnapshot> {
    return this.snapshots.get();
  }

  async overview(): Promise<FleetOverview> {
    return (await this.snapshot()).overview();
  }

  async processes(): Promise<readonly ProcessInfo[]> {
    const { processes, processesError } = await this.snapshot();
    if (processesError !== undefined) throw processesError;
    return processes ?? [];
  }

  /** The names come from the processes, from the counts, and from the jobs that are due: never from all jobs. */
  async steps(given: TimeRange = {}): Promise<readonly StepNumbers[]> {
    const dates = readOptions(given, 'range', RANGE);
    const snapshot = await this.snapshot();
    const range = rangeOf(dates, snapshot.at.getTime());
    const { counts, bins } = await this.countedBySteps(range);
    const { alive, dueSteps } = snapshot;
    const providers = new Map<string, number>();
    for (const step of (alive ?? []).flatMap(({ steps }) => steps))
      providers.set(step, 1 + (providers.get(step) ?? 0));
    const names = [...new Set([...providers.keys(), ...counts.keys(), ...dueSteps.keys()])].sort();
    return names.slice(0, MAX_STEPS).map((step) => {
      const counted = counts.get(step) ?? NO_COUNTS;
      const { run, wait } = bins.get(step) ?? { run: noBins(), wait: noBins() };
      const due = dueSteps.get(step);
      const attempts = counted.succeeded + counted.failed;
      return {
        step,
        ...attemptNumbers([counted]),
        processes: alive && (providers.get(step) ?? 0),
        due: due?.count ?? { count: 0, more: false },
        oldestDueMs: due?.oldestMs ?? null,
        run: durationNumbers(run, counted.runMs, attempts),
        wait: durationNumbers(wait, counted.waitMs, attempts),
        pause: snapshot.pauseOf(step) ?? null,
      };
    });
  }

  async timeline(query: TimelineQuery = {}): Promise<Timeline> {
    const { step, ...dates } = readOptions(query, 'query', QUERY);
    const now = await this.store.now();
    const { from, to } = rangeOf(dates, now);
    const width = from >= now - KEEP_MINUTES_MS - MINUTE_MS ? MINUTE_MS : HOUR_MS;
    const start = Math.floor(from / width) * width;
    const counted = this.counts ? await this.store.countedByTime({ from: start, to, step }) : [];
    const byBucket = new Map<number, Counts[]>();
    for (const counts of counted) {
      const at = Math.floor(counts.bucket / width) * width;
      byBucket.set(at, [...(byBucket.get(at) ?? []), counts]);
    }
    const buckets = [];
    for (let at = start; at < to; at += width)
      buckets.push({ at: new Date(at), ...attemptNumbers(byBucket.get(at) ?? []) });
    return { bucketSeconds: width === MINUTE_MS ? 60 : 3600, buckets };
  }

  async failures(): Promise<FailureGroups> {
    const rows = await this.store.failures(MAX_FAILURES + 1);
    const lookedAt = rows.slice(0, MAX_FAILURES);
    const groups = new Map<string, FailureGroup>();
    for (const row of lookedAt) {
      const key = JSON.stringify([row.step, row.errorName]);
      const group = groups.get(key);
      groups.set(key, group ? { ...group, count: group.count + 1 } : this.groupOf(row));
    }
    return {
      groups: [...groups.values()].sort((a, b) => b.count - a.count),
      lookedAt: lookedAt.length,
      more: rows.length > lookedAt.length,
    };
  }

  /** The job of a group that failed last comes first. */
  private groupOf({ step, errorName, error, gid, endedAt }: FailedRow): FailureGroup {
    const isTold = error !== null && !this.options.encodes && !isEncodedError(error);
    const message = isTold ? plainInError(error).split('\n', 1)[0]!.slice(0, MAX_MESSAGE) : null;
    return { step, errorName, message, count: 1, gid, lastAt: endedAt };
  }

  private get counts(): boolean {
    return this.options.heartbeat !== null;
  }

  private async countedBySteps(range: CountedRange) {
    const bins = new Map<string, { readonly run: number[]; readonly wait: number[] }>();
    if (!this.counts) return { counts: new Map<string, typeof NO_COUNTS>(), bins };
    const rows = await this.store.countedBySteps(range);
    for (const { step, runBins, waitBins } of await this.store.bins(range)) {
      const known = bins.get(step) ?? { run: noBins(), wait: noBins() };
      bins.set(step, known);
      addBins(known.run, runBins);
      addBins(known.wait, waitBins);
    }
    return { counts: new Map(rows.map((row) => [row.step, row])), bins };
  }
}

/** In whole minutes, and in whole hours where minutes are not kept any more. Nothing is counted in what is to come. */
function rangeOf({ from, to }: TimeRange, now: number): CountedRange {
  const end = to?.getTime() ?? now;
  const begin = from?.getTime() ?? end - HOUR_MS;
  if (begin >= end) throw new InvalidOptionError('from', from, 'a time before `to`');
  if (end - begin > KEEP_HOURS_MS) throw new InvalidOptionError('from', from, 'at most 90 days before `to`');
  if (begin > now)
    throw new InvalidOptionError('from', from, 'a time that has passed, by the clock of the store');
  const width = begin < now - KEEP_MINUTES_MS - MINUTE_MS ? HOUR_MS : MINUTE_MS;
  return { from: Math.floor(begin / width) * width, to: Math.min(end, now + MINUTE_MS) };
}
