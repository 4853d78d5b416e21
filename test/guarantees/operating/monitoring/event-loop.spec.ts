import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { SteppingOperations } from '../../../../lib/index.js';
import { TestApplication } from '../../../support/application.js';
import { describeBackends } from '../../../support/database.js';
import { Databases } from '../../../support/placements.js';
import { fillTable } from './large-table.js';

const SIZE = { succeeded: 476_000, failed: 12_000, due: 12_000, later: 0 };
/** Promised are 50 ms; a busy machine stops a process for longer. A look at the whole table takes several hundred. */
const BOUND_MS = 250;

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
      const delays = monitorEventLoopDelay({ resolution: 1 });
      const longest: Record<string, number> = {};
      for (const [name, call] of Object.entries(calls)) {
        await sleep(20);
        delays.reset();
        delays.enable();
        await sleep(10);
        await call();
        await sleep(10);
        delays.disable();
        longest[name] = Math.round(delays.max / 1e6);
      }
      console.log(`The event loop was held for at most ${JSON.stringify(longest)} ms`);
      expect((await operations.overview()).due).toEqual({ count: 2_500, more: true });
      for (const [name, held] of Object.entries(longest)) expect(held, name).toBeLessThan(BOUND_MS);
    });
  },
  ['sqlite'],
);
