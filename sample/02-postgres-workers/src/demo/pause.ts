import { setTimeout as wait } from 'node:timers/promises';
import type { JobExplanation } from 'nestjs-stepping';
import type { DepotProcess } from './depot-process.js';
import type { Depot } from './depot.js';
import { say } from './terminal.js';
import { until } from './until.js';

const PARCELS = 5;
const HEARTBEAT_MS = 1000;
const STEP = '/operations/steps/print-label';

/** Pauses a step in all processes, and shows that everything else goes on. */
export async function pauseLabels(depot: Depot, api: DepotProcess): Promise<void> {
  await api.post(`${STEP}/pause`, { by: 'ada@depot.example', reason: 'The labels are sold out' });
  say(`   POST ${STEP}/pause: "The labels are sold out"`);
  // NOTIFY tells the workers at once. Should it get lost, they ask at their next heartbeat.
  await wait(HEARTBEAT_MS);

  const numbers = await depot.register(api, PARCELS);
  const now = async () => {
    const { bookings, labelRuns } = await depot.schema.read();
    const runs = labelRuns.filter(({ parcelNumber }) => numbers.includes(parcelNumber));
    return {
      booked: bookings.filter(({ parcelNumber }) => numbers.includes(parcelNumber)).length,
      runs,
      printed: runs.filter(({ finishedAt }) => finishedAt).length,
    };
  };
  await until('their carriers are booked', 20, async () => (await now()).booked === PARCELS || undefined);
  const reasons = await until('all of them stand at the paused step', 20, async () => {
    const explained = await Promise.all(
      numbers.map((number) => api.get<JobExplanation>(`/operations/jobs/parcel:${number}/explanation`)),
    );
    const paused = explained.map((job) => job.reasons.find(({ code }) => code === 'PAUSED'));
    return paused.every((reason) => reason !== undefined) ? paused : undefined;
  });
  const held = await now();
  say(
    `   ${PARCELS} more parcels: ${held.booked} carriers are booked, ${held.runs.length} labels are printed`,
  );
  say(`   GET /operations/jobs/parcel:${numbers[0]}/explanation: ${reasons[0]!.code}`);
  say(`     ${reasons[0]!.text}`);
  if (held.runs.length > 0) throw new Error('A label was printed while the step was paused');

  const resumedAt = await depot.schema.now();
  await api.post(`${STEP}/resume`, { by: 'ada@depot.example', reason: 'Labels have come' });
  const { runs, printed } = await until('their labels are printed', 30, async () => {
    const { runs: begun, printed: done } = await now();
    return done === PARCELS ? { runs: begun, printed: done } : undefined;
  });
  const first = Math.min(...runs.map(({ startedAt }) => startedAt.getTime())) - resumedAt.getTime();
  say(`   POST ${STEP}/resume: ${printed} labels are printed, the first one begun ${first} ms after it`);
}
