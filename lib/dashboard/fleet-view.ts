import { BriefCache } from '../core/brief-cache.js';
import type {
  FailureGroups,
  FleetHealth,
  FleetOverview,
  ProcessInfo,
  StepNumbers,
} from '../core/operations/fleet-numbers.js';
import type { SteppingOperations } from '../core/operations/stepping-operations.js';
import type { OverviewAnswer, ProcessesAnswer, Range, StepsAnswer, TimelineAnswer } from './api.js';
import { attentionOf } from './attention.js';
import { KeyedCache } from './keyed-cache.js';
import type { Mask } from './mask.js';
import { PartReader, valueOf, type Part } from './part-reader.js';
import { ShownData } from './shown-data.js';
import { StoreClock } from './store-clock.js';
import { Turns } from './turns.js';
import { wire } from './wire.js';

/** However many look at it. */
const KEEP_MS = 2_000;
/** Three ranges of so many steps, or more of fewer. */
const MAX_TIMELINES = 100;

const HOUR_MS = 3600 * 1000;
const RANGES: Readonly<Record<Range, number>> = {
  '1h': HOUR_MS,
  '24h': 24 * HOUR_MS,
  '7d': 7 * 24 * HOUR_MS,
};

interface Snapshot {
  readonly overview: Part<FleetOverview>;
  readonly health: Part<FleetHealth>;
  readonly failures: Part<FailureGroups>;
  readonly processes: Part<readonly ProcessInfo[]>;
  /** Of the last hour. */
  readonly steps: Part<readonly StepNumbers[]>;
}

const NAMES: Readonly<Record<keyof Snapshot, string>> = {
  overview: 'the overview',
  health: 'the health of the fleet',
  failures: 'the failures',
  processes: 'the processes',
  steps: 'the numbers of the steps',
};

/** The fleet as it is shown: of each thing, what was read at most two seconds ago. */
export class FleetView {
  /** Of the store, by what the snapshots tell. */
  private readonly clock = new StoreClock();
  private readonly parts = new PartReader();
  private readonly snapshots = new BriefCache(() => this.take(), KEEP_MS);
  private readonly timelines = new KeyedCache<TimelineAnswer>(KEEP_MS, MAX_TIMELINES);
  private readonly ranges = new KeyedCache<readonly StepNumbers[]>(KEEP_MS, Object.keys(RANGES).length);
  /** Somebody may ask for more spans and steps than are kept. */
  private readonly turns = new Turns(1);
  private readonly shown: ShownData;

  constructor(
    private readonly operations: SteppingOperations,
    private readonly mask: Mask,
  ) {
    this.shown = new ShownData(mask);
  }

  async overview(): Promise<OverviewAnswer> {
    const snapshot = await this.snapshots.get();
    const { overview, health, failures, processes, steps } = snapshot;
    const known = {
      overview: overview.value,
      health: health.value,
      failures: failures.value,
      processes: processes.value,
      steps: steps.value,
      problems: problemsOf(snapshot),
    };
    return {
      overview: overview.value && this.shown.overview(overview.value),
      health: health.value && this.shown.health(health.value),
      attention: attentionOf(known, this.mask),
      steps: busiestFirst(steps.value ?? []).map((numbers) => this.shown.numbers(numbers)),
    };
  }

  async processes(): Promise<ProcessesAnswer> {
    const processes = valueOf((await this.snapshots.get()).processes);
    return { processes: wire(processes) };
  }

  /** Since when an attempt of the job runs, by what its process last told. */
  async runningSince(gid: string): Promise<Date | null> {
    const { processes } = await this.snapshots.get();
    const busy = (processes.value ?? []).filter(({ state }) => state !== 'gone').flatMap((each) => each.busy);
    return busy.find((attempt) => attempt.gid === gid)?.since ?? null;
  }

  async steps(range: Range): Promise<StepsAnswer> {
    const steps =
      range === '1h'
        ? valueOf((await this.snapshots.get()).steps)
        : await this.ranges.get(range, () =>
            this.turns.take(() => this.operations.steps(this.spanOf(range))),
          );
    return { steps: steps.map((numbers) => this.shown.numbers(numbers)) };
  }

  timeline(range: Range, step: string | undefined): Promise<TimelineAnswer> {
    const ofStep = step === undefined ? {} : { step };
    return this.timelines.get(JSON.stringify([range, step]), async () =>
      wire(await this.turns.take(() => this.operations.timeline({ ...ofStep, ...this.spanOf(range) }))),
    );
  }

  /** Of the last hour nothing is said: it is what the library takes, by the clock of the store. */
  private spanOf(range: Range): { readonly from?: Date } {
    return range === '1h' ? {} : { from: new Date(this.clock.now().getTime() - RANGES[range]) };
  }

  private async take(): Promise<Snapshot> {
    const { operations, parts } = this;
    const [overview, steps, failures, processes, health] = await Promise.all([
      parts.read(NAMES.overview, () => operations.overview()),
      parts.read(NAMES.steps, () => operations.steps()),
      parts.read(NAMES.failures, () => operations.failures()),
      parts.read(NAMES.processes, () => operations.processes()),
      parts.read(NAMES.health, () => operations.health()),
    ]);
    if (overview.value) this.clock.told(overview.value.at);
    return { overview, steps, failures, processes, health };
  }
}

/** The log says why. */
function problemsOf(snapshot: Snapshot): string[] {
  return Object.entries(snapshot).flatMap(([part, read]: [string, Part<unknown>]) =>
    'error' in read && !read.unsupported
      ? [
          `The dashboard could not read ${NAMES[part as keyof Snapshot]}; the log of the application says why.`,
        ]
      : [],
  );
}

function busiestFirst(steps: readonly StepNumbers[]): StepNumbers[] {
  const attempts = ({ succeeded, failed }: StepNumbers) => succeeded + failed;
  return [...steps].sort((a, b) => attempts(b) - attempts(a) || b.due.count - a.due.count);
}
