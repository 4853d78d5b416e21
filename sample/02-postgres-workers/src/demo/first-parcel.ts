import type { DepotProcess } from './depot-process.js';
import type { Depot } from './depot.js';
import { say } from './terminal.js';
import { traceTree } from './trace-tree.js';
import { until } from './until.js';

/** The request, the start of its job, and an attempt of each step. */
const SPANS = 4;

/** One parcel: how fast a worker learns of its job, and the trace of its request over two processes. */
export async function sendFirstParcel(depot: Depot, api: DepotProcess): Promise<void> {
  await depot.register(api, 1);
  const { registeredAt, pid, bookedAt } = await until('its carrier is booked', 20, async () => {
    const { parcels, bookings } = await depot.schema.read();
    return bookings[0] && { ...parcels[0]!, ...bookings[0] };
  });
  const took = bookedAt.getTime() - registeredAt.getTime();
  say(`   stored by process ${api.pid}, its carrier booked by process ${pid}, ${took} ms after its INSERT:`);
  say('   the workers are told of new jobs by NOTIFY');

  const trace = await until('its trace is complete', 20, () => {
    const last = depot.spans.find(({ name }) => name === 'process print-label');
    const spans = depot.spans.filter(({ traceId }) => traceId === last?.traceId);
    return Promise.resolve(spans.length >= SPANS ? spans : undefined);
  });
  say('   the trace of its request, from the spans of both processes:\n');
  for (const line of traceTree(trace)) say(`   ${line}`);
}
