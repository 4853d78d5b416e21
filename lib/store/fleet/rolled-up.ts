import { addBins, encodeBins, noBins } from '../../core/operations/histogram.js';
import { HOUR_MS, type CountedRow } from './fleet-store.js';

/** The hour that a time lies in. */
export function hourOf(time: number): number {
  return Math.floor(time / HOUR_MS) * HOUR_MS;
}

/** The rows of hours that `minutes` and what is known of their hours make together. */
export function rolledUp(minutes: readonly CountedRow[], hours: readonly CountedRow[]): CountedRow[] {
  const groups = new Map<string, CountedRow[]>();
  const steps = new Set(minutes.map((row) => keyOf(row)));
  for (const row of [...minutes, ...hours.filter((hour) => steps.has(keyOf(hour)))]) {
    const group = groups.get(keyOf(row));
    if (group) group.push(row);
    else groups.set(keyOf(row), [row]);
  }
  return [...groups.values()].map(sumOf);
}

function keyOf({ bucket, step }: CountedRow): string {
  return `${hourOf(bucket)} ${step}`;
}

function sumOf(rows: readonly CountedRow[]): CountedRow {
  const runBins = noBins();
  const waitBins = noBins();
  const sums = { succeeded: 0, failed: 0, gaveUp: 0, jobsSucceeded: 0, runMs: 0, waitMs: 0 };
  for (const row of rows) {
    for (const name of Object.keys(sums) as (keyof typeof sums)[]) sums[name] += row[name];
    addBins(runBins, row.runBins);
    addBins(waitBins, row.waitBins);
  }
  const [{ bucket, step }] = rows as [CountedRow];
  return {
    ...sums,
    bucket: hourOf(bucket),
    step,
    process: '',
    runBins: encodeBins(runBins),
    waitBins: encodeBins(waitBins),
  };
}
