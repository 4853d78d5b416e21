import type { Effect } from './evidence.js';
import type { OperatorModel, SkippedStep } from './operator-model.js';
import type { PauseSpans } from './pause-spans.js';
import type { WorkerLife } from './process.js';
import type { RepeatReason } from './verdict.js';

/** A process may have been paused between its decision to begin and the row that records it. */
const BEFORE_BEGIN_MS = 1000;

/** The recorded attempts of one job's steps, in the order in which they began. */
export class StepHistory {
  readonly rows: readonly Effect[];

  constructor(
    rows: readonly Effect[],
    private readonly lives: ReadonlyMap<string, WorkerLife>,
  ) {
    this.rows = [...rows].sort((a, b) => a.begin - b.begin || sequenceOf(a) - sequenceOf(b));
  }

  /** Whether any attempt of the step succeeded. */
  done(step: number): boolean {
    return this.rows.some((row) => row.step === step && row.outcome === 'done');
  }

  /** Whether each attempt, if there are any, ran in a process that was killed. */
  diedWithItsProcesses(): boolean {
    return this.rows.every((row) => this.lives.get(row.worker)?.killed === true);
  }

  began(step: number): boolean {
    return this.rows.some((row) => row.step === step);
  }

  /** Steps that began before the previous step had ended, or again after the next step had begun. */
  outOfOrder(skipped: (step: number) => SkippedStep | undefined): string[] {
    const found: string[] = [];
    const firstBegin = new Map<number, number>();
    for (const row of this.rows) {
      const next = firstBegin.get(row.step + 1);
      if (next !== undefined && !this.isZombie(row)) {
        found.push(`step ${row.step} began in ${row.worker} after step ${row.step + 1} had begun`);
      }
      if (!firstBegin.has(row.step)) {
        firstBegin.set(row.step, row.begin);
        const before = this.rows.some(
          ({ step, outcome, end }) => step === row.step - 1 && outcome === 'done' && end! <= row.begin,
        );
        const without = skipped(row.step - 1)?.at ?? Infinity;
        if (row.step > 0 && !before && without > row.begin)
          found.push(`step ${row.step} began before step ${row.step - 1} was done or skipped`);
      }
    }
    return found;
  }

  /** Attempts that ran when their step was skipped, or began afterwards. */
  despiteSkip(step: number, { at, over }: SkippedStep): string[] {
    return this.rows
      .filter((row) => row.step === step && !this.isZombie(row))
      .flatMap((row) => {
        if (row.begin > over) return [`step ${step} began in ${row.worker} after it was skipped`];
        const ran = row.begin < at && this.endOf(row) > at;
        return ran ? [`step ${step} was skipped while it ran in ${row.worker}`] : [];
      });
  }

  /** Attempts with arguments or a key that are not those of the last edit before. */
  despiteEdit(operator: OperatorModel): string[] {
    return this.rows.flatMap(({ gid, step, begin, version, key, worker }) => {
      const edits = operator.editsOf(gid, step).filter(({ at }) => at <= begin);
      const expected = edits.at(-1)?.version ?? null;
      const keyed = edits.length === 0 ? `${gid}:${step}` : `${gid}:${step}:edit-${edits.length}`;
      if (version === expected && key === keyed) return [];
      return [`step ${step} ran in ${worker} with ${version} and ${key}, not with ${expected} and ${keyed}`];
    });
  }

  /** Attempts that began although their step was paused. */
  despitePause(pauses: PauseSpans): string[] {
    return this.rows.flatMap((row) => {
      const late = pauses.tooLate(row);
      if (late === undefined || this.isZombie(row)) return [];
      return [`step ${row.step} (${row.kind}) began in ${row.worker} ${late} ms after its pause`];
    });
  }

  /** Pairs of overlapping attempts, and how many of them involve a process that was paused. */
  overlaps(): { live: string[]; zombies: number } {
    const live: string[] = [];
    let zombies = 0;
    for (let at = 0; at < this.rows.length; at += 1) {
      const row = this.rows[at]!;
      for (let later = at + 1; later < this.rows.length; later += 1) {
        const other = this.rows[later]!;
        if (other.begin >= (row.end ?? this.endOf(row))) continue;
        const afterSignal = other.begin >= this.endOf(row) || beganAfterSignal(other);
        if (afterSignal || this.isZombie(row) || this.isZombie(other)) zombies += 1;
        else {
          live.push(`${attemptText(row)}, and ${attemptText(other)}`);
        }
      }
    }
    return { live, zombies };
  }

  /** Why the step was repeated without a planned failure; undefined if it was not. */
  repeated(step: number, plannedFailures: number): RepeatReason | undefined {
    const rows = this.rows.filter(
      (row) => row.step === step && !(row.outcome === 'failed' && row.attempt <= plannedFailures),
    );
    if (rows.length < 2) return undefined;
    const first = rows[0]!;
    const life = this.lives.get(first.worker);
    if (this.isZombie(first)) return 'paused';
    if (life?.killed && first.outcome !== 'failed') return 'killed';
    if (life?.lostLeases.has(first.gid)) return 'lease lost';
    if (first.outcome === 'failed')
      return life?.endedAt !== undefined && !life.killed ? 'shut down' : 'failed';
    return 'other';
  }

  /** Milliseconds from the death of each process that was working on this job to the next attempt in another process. */
  recoveryTimes(): number[] {
    const times: number[] = [];
    for (const row of this.rows) {
      const life = this.lives.get(row.worker);
      if (row.end !== null || !life?.killed || life.endedAt === undefined) continue;
      const died = life.endedAt;
      const next = this.rows.find((other) => other.begin > died && other.worker !== row.worker);
      if (next && row.begin <= died) times.push(next.begin - died);
    }
    return times;
  }

  /**
   * A step whose signal came is counted until then: the lease leaves it a little time, and what takes longer is
   * its own affair. An attempt without an end lasted until its process was killed; of a living one
   * nothing is known.
   */
  private endOf(row: Effect): number {
    if (row.signalled !== null) return Math.max(row.begin, Math.min(row.signalled, row.end ?? row.signalled));
    if (row.end !== null) return row.end;
    const life = this.lives.get(row.worker);
    return life?.killed && life.endedAt !== undefined ? Math.max(row.begin, life.endedAt) : row.begin;
  }

  private isZombie(row: Effect): boolean {
    const life = this.lives.get(row.worker);
    const end = this.endOf(row);
    return life?.pauses.some(({ from, to }) => to >= row.begin - BEFORE_BEGIN_MS && from <= end) === true;
  }
}

/** SQLite's clock has a resolution of milliseconds. Attempts of the same millisecond are ordered by the process's counter. */
function sequenceOf({ id }: Effect): number {
  return Number(id.slice(id.lastIndexOf(':') + 1));
}

/** It was told to stop while it waited to be recorded, for example for a database that was away. */
function beganAfterSignal({ begin, signalled }: Effect): boolean {
  return signalled !== null && signalled <= begin;
}

function attemptText({ step, kind, attempt, worker, begin, end, outcome, signalled }: Effect): string {
  const last = end === null ? 'without an end' : `until ${clockText(end)}, ${outcome}`;
  const signal = signalled === null ? '' : `, its signal at ${clockText(signalled)}`;
  return `step ${step} (${kind}, attempt ${attempt}) ran in ${worker} from ${clockText(begin)} ${last}${signal}`;
}

function clockText(time: number): string {
  return (time % 1_000_000).toFixed(1);
}
