/** Executions of the steps of one process: how often for each order, and when first. */
export class Executions {
  private counts: Record<number, number>[] = [{}, {}];
  private begun: Record<number, string> = {};
  private waiting: { readonly total: number; readonly resolve: () => void } | undefined;
  total = 0;

  /** The first line of every step. */
  ran(step: 0 | 1, order: number): void {
    const counts = this.counts[step]!;
    if (step === 0 && this.timed && counts[order] === undefined) this.begun[order] = String(now());
    counts[order] = (counts[order] ?? 0) + 1;
    this.total += 1;
    if (this.waiting && this.total >= this.waiting.total) {
      this.waiting.resolve();
      this.waiting = undefined;
    }
  }

  /** Whether to record the time of each step's first line. */
  timed = false;

  /** Resolves when `total` steps have run. */
  reached(total: number): Promise<void> {
    if (this.total >= total) return Promise.resolve();
    return new Promise((resolve) => (this.waiting = { total, resolve }));
  }

  /** Returns the record and starts a new one. The total is kept. */
  forget(): ExecutionReport {
    const report = this.report();
    this.counts = [{}, {}];
    this.begun = {};
    return report;
  }

  report(): ExecutionReport {
    return { counts: this.counts, begun: this.begun, total: this.total };
  }
}

export interface ExecutionReport {
  /** Per step: runs by order. */
  readonly counts: readonly Record<number, number>[];
  /** Nanoseconds of the monotonic clock, by order. */
  readonly begun: Record<number, string>;
  readonly total: number;
}

/** The monotonic clock, in nanoseconds: the same for all processes of a host. */
export function now(): bigint {
  return process.hrtime.bigint();
}

/** Throws unless every step of every order ran exactly once in all processes together. */
export function assertEachRanOnce(
  reports: readonly ExecutionReport[],
  steps: number,
  orders: number,
  first = 1,
): void {
  for (let step = 0; step < steps; step += 1) {
    for (let order = first; order < first + orders; order += 1) {
      const runs = reports.reduce((sum, report) => sum + (report.counts[step]![order] ?? 0), 0);
      if (runs !== 1) throw new Error(`Step ${step + 1} of order ${order} ran ${runs} times.`);
    }
  }
}
