import { expect, it } from 'vitest';
import { MINUTE_MS, type CountedRow } from '../../../lib/store/fleet/fleet-store.js';
import { MemoryFleetStore } from '../../../lib/store/fleet/memory.fleet-store.js';
import { MemoryJobStore } from '../../../lib/store/memory.job-store.js';
import { AttemptCounters } from '../../../lib/tm/self/monitoring/attempt-counters.js';
import { CountWriter } from '../../../lib/tm/self/monitoring/count-writer.js';

function scene() {
  const clock = { now: 1000 * MINUTE_MS };
  const store = new MemoryFleetStore(new MemoryJobStore(() => clock.now));
  const counters = new AttemptCounters();
  const failures: Error[] = [];
  const write = store.write.bind(store);
  store.write = async (rows: readonly CountedRow[]) => {
    const failure = failures.shift();
    if (failure?.message !== 'refused') await write(rows);
    if (failure) throw failure;
  };
  const counted = async () => {
    const rows = await store.countedByTime({ from: 0, to: Number.MAX_SAFE_INTEGER });
    return rows.map(({ succeeded }) => succeeded);
  };
  return { clock, counters, failures, counted, writer: new CountWriter(store, counters, 'me') };
}

it('writes each minute what was counted in it', async () => {
  const { clock, counters, counted, writer } = scene();
  counters.succeeded('ping', 1, 1, true);
  await writer.write();
  counters.succeeded('ping', 1, 1, true);
  await writer.write();
  clock.now += MINUTE_MS;
  counters.succeeded('ping', 1, 1, true);
  await writer.write();
  expect(await counted()).toEqual([2, 1]);
});

it.each(['refused', 'the answer is lost'])('writes it again in a later minute: %s', async (message) => {
  const { clock, counters, failures, counted, writer } = scene();
  counters.succeeded('ping', 1, 1, true);
  failures.push(new Error(message));
  await expect(writer.write()).rejects.toThrow(message);
  clock.now += MINUTE_MS;
  counters.succeeded('ping', 1, 1, true);
  await writer.write();
  expect(await counted()).toEqual([1, 1]);
});

it('does not write over a minute again when the clock is set back', async () => {
  const { clock, counters, counted, writer } = scene();
  counters.succeeded('ping', 1, 1, true);
  await writer.write();
  clock.now += MINUTE_MS;
  counters.succeeded('ping', 1, 1, true);
  await writer.write();
  clock.now -= MINUTE_MS;
  counters.succeeded('ping', 1, 1, true);
  await writer.write();
  expect(await counted()).toEqual([1, 2]);
});
