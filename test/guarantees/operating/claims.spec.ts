import { afterAll, beforeAll, expect, it } from 'vitest';
import { TestApplication } from '../../support/application.js';
import { Databases, describePlacements } from '../../support/placements.js';
import { StatementLog } from '../../support/statement-log.js';
import { Ping } from '../../support/steps.js';
import { waitFor } from '../../support/wait-for.js';

const JOBS = 20;
/** It is sent for each of them. */
const NOTIFY = /pg_notify/;
const CLAIM = /AS "dueFor"/;

describePlacements(
  'the claims of a process that runs no steps',
  (backend, placement) => {
    let databases: Databases;
    let app: TestApplication;

    beforeAll(async () => {
      databases = await Databases.create(backend, placement);
      app = await TestApplication.start(databases, { selfTm: { runSteps: false, recoveryInterval: '1h' } });
      // It claims at its start, for prepared jobs.
      await waitFor(async () => app.admin.recovery().lastRunAt !== null);
    });
    afterAll(async () => {
      await app?.close();
      await databases?.drop();
    });

    it('are none for the jobs that it starts, nor for those that become due later', async () => {
      const log = new StatementLog();
      try {
        await app.jobs.createJob({ transaction: 'none', delay: 1 }).addStep(Ping).start();
        for (let count = 0; count < JOBS; count += 1)
          await app.jobs.createJob({ transaction: 'none' }).addStep(Ping).start();
        await waitFor(async () => log.count(NOTIFY) > 0);
        expect(log.count(CLAIM)).toBe(0);
        expect(app.recording.executions).toEqual([]);
      } finally {
        log.close();
      }
    });
  },
  ['postgres'],
  ['one'],
);
