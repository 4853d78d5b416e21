import { audit } from './audit.js';
import type { Depot } from './depot.js';
import { row, say } from './terminal.js';

/** Reports the final state, what was lost and what was repeated, and returns the exit code. */
export async function summarize(depot: Depot, apiPid: number): Promise<number> {
  const records = await depot.schema.read();
  const { parcels, jobs, bookings, labelRuns } = records;
  const differences = audit({ records, accepted: depot.accepted, apiPid });
  const printed = labelRuns.filter(({ finishedAt }) => finishedAt);
  const labels = new Set(printed.map(({ idempotencyKey }) => idempotencyKey)).size;
  row('parcels accepted', depot.accepted.size);
  row('parcels', parcels.length, 'in the database');
  row('jobs', jobs.filter(({ status }) => status === 'succeeded').length, 'succeeded');
  row('bookings', bookings.length, 'exactly one each: their step is transactional');
  row('labels', labels, `printed, in ${labelRuns.length} runs of the printer`);
  row('differences', differences.length);
  for (const difference of differences) say(`     - ${difference}`);
  if (differences.length > 0) {
    say('\nLost or wrong: see the differences above.');
    return 1;
  }
  say('\nLost: nothing. Every accepted parcel has one booking and a label.');
  say(`Repeated: ${labelRuns.length - labels} labels, whose success the worker had not stored when it died.`);
  return 0;
}
