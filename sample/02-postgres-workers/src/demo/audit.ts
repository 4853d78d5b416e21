import type { DepotRecords } from './depot-records.js';

/** What the audit compares. */
export interface Evidence {
  readonly records: DepotRecords;
  /** The numbers of the parcels that were answered with 201. */
  readonly accepted: ReadonlySet<string>;
  readonly apiPid: number;
}

/** Differences, one sentence each. None means that nothing was lost. */
export function audit({ records, accepted, apiPid }: Evidence): string[] {
  const { parcels, bookings, labelRuns, jobs } = records;
  const stored = new Set(parcels.map(({ number }) => number));
  const of = <T extends { readonly parcelNumber: string }>(rows: readonly T[], number: string): T[] =>
    rows.filter(({ parcelNumber }) => parcelNumber === number);

  const differences: string[] = [];
  for (const number of accepted) {
    if (!stored.has(number)) differences.push(`Parcel ${number} was accepted and is not in the database.`);
    const status = of(jobs, number)[0]?.status ?? 'missing';
    if (status !== 'succeeded') differences.push(`The job of parcel ${number} is ${status}.`);
    const booked = of(bookings, number).length;
    if (booked !== 1) differences.push(`Parcel ${number} has ${booked} bookings.`);
    const runs = of(labelRuns, number);
    if (!runs.some(({ finishedAt }) => finishedAt)) differences.push(`Parcel ${number} has no label.`);
    const keys = new Set(runs.map(({ idempotencyKey }) => idempotencyKey)).size;
    if (keys > 1) differences.push(`The labels of parcel ${number} have ${keys} different keys.`);
  }
  for (const { number } of parcels) {
    if (!accepted.has(number)) differences.push(`Parcel ${number} is stored and was never accepted.`);
  }
  const byApi = [...bookings, ...labelRuns].filter(({ pid }) => pid === apiPid).length;
  if (byApi > 0) differences.push(`The API process has run ${byApi} steps.`);
  return differences;
}
