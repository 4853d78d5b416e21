import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { SteppingOperations } from '../../../../lib/index.js';
import { TestApplication } from '../../../support/application.js';
import { describeBackends } from '../../../support/database.js';
import { Databases } from '../../../support/placements.js';
import { fillTable } from './large-table.js';

const SIZE = { succeeded: 476_000, failed: 12_000, due: 12_000, later: 0 };
/** A busy machine only ever adds to a measurement, so the least of several counts. */
const MEASUREMENTS = 10;
/** Longer than numbers are kept for those who ask again. */
const FORGOTTEN_MS = 2200;

describeBackends(
  'numbers beside half a million jobs',
  (backend) => {
    let databases: Databases;
    let app: TestApplication;
    beforeAll(async () => {
      databases = await Databases.create(backend, 'one');
      app = await TestApplication.start(databases, { selfTm: { runSteps: false } });
      await fillTable(databases.store, SIZE);
    });
    afterAll(async () => {
      await app?.close();
      await databases?.drop();
    });

    it('do not hold the event loop', async () => {
      const operations = app.context.get(SteppingOperations);
      const calls = {
        overview: () => operations.overview(),
        steps: () => operations.steps(),
        timeline: () => operations.timeline(),
        failures: () => operations.failures(),
        processes: () => operations.processes(),
        health: () => operations.health(),
      };
      const wholeTable = () =>
        databases.store.query(
          'SELECT COUNT(*) FROM stepping_jobs WHERE error IS NOT NULL AND steps IS NOT NULL',
        );
      let bound = Number.POSITIVE_INFINITY;
      const held = Object.fromEntries(Object.keys(calls).map((name) => [name, Number.POSITIVE_INFINITY]));
      for (let times = 0; times < MEASUREMENTS; times += 1) {
        await sleep(FORGOTTEN_MS);
        bound = Math.min(bound, (await loopHeldBy(wholeTable)) / 2);
        for (const [name, call] of Object.entries(calls))
          held[name] = Math.min(held[name]!, await loopHeldBy(call));
        if (Object.values(held).every((ms) => ms < bound)) break;
      }
      console.log(
        `The event loop was held for ${JSON.stringify(held)} ms, half of the table takes ${bound} ms`,
      );
      expect((await operations.overview()).due).toEqual({ count: 2_500, more: true });
      for (const [name, ms] of Object.entries(held)) expect(ms, name).toBeLessThan(bound);
    });
  },
  ['sqlite'],
);

/** For how long a call keeps the event loop, in milliseconds. */
async function loopHeldBy(call: () => Promise<unknown>): Promise<number> {
  const delays = monitorEventLoopDelay({ resolution: 1 });
  delays.enable();
  await sleep(10);
  await call();
  await sleep(10);
  delays.disable();
  return Math.round(delays.max / 1e6);
}
