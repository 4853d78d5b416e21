import { expect, it } from 'vitest';
import { suiteApplication } from '../../support/suite-application.js';
import { TestApplication } from '../../support/application.js';
import { Databases, describeManagers, describePlacements } from '../../support/placements.js';
import { Ping, ReserveStock, SendEmail, WriteEffect } from '../../support/steps.js';
import { storedJob } from '../../support/stored-job.js';
import { waitFor } from '../../support/wait-for.js';

const order = { orderId: 'o-1' };

describeManagers(
  'the order of steps',
  (backend, placement) => {
    let databases: Databases;
    let app: TestApplication;
    suiteApplication(backend, placement, (started) => ({ databases, app } = started));

    it('a step starts only after the success of the one before it is stored', async () => {
      /** The status of the job, and how many of its steps are stored as done. */
      const progress = async (gid: string) => {
        if (databases.dtm) {
          const { transaction, branches } = await databases.dtm.query(gid);
          return [transaction!.status, branches.filter(({ status }) => status === 'succeed').length];
        }
        const row = await storedJob(databases, gid);
        return [row?.status, Number(row?.step_index)];
      };
      const rows: unknown[] = [];
      const running = new Set<string>();
      app.recording.onExecute = async ({ gid }) => {
        expect(running.has(gid)).toBe(false);
        running.add(gid);
        rows.push(await progress(gid));
        running.delete(gid);
      };
      const { gid } = await app.dataSource.transaction(async () =>
        app.jobs
          .createJob()
          .addStep(ReserveStock, order)
          .addStep(SendEmail, order)
          .addStep(WriteEffect, order)
          .addStep(Ping)
          .addStep(SendEmail, order)
          .start(),
      );
      expect((await app.ended(gid)).status).toBe('succeeded');
      expect(app.recording.trace(gid)).toEqual([
        'reserve-stock#1',
        'send-email#1',
        'write-effect#1',
        'ping#1',
        'send-email#1',
      ]);
      expect(rows).toEqual([0, 1, 2, 3, 4].map((index) => ['submitted', index]));
    });

    it('many jobs at once keep their own order', async () => {
      app.recording.onExecute = () => undefined;
      const jobs = await Promise.all(
        Array.from({ length: 40 }, () =>
          app.jobs
            .createJob({ transaction: 'none' })
            .addStep(ReserveStock, order)
            .addStep(Ping)
            .addStep(SendEmail, order)
            .start(),
        ),
      );
      for (const { gid } of jobs) {
        expect((await app.ended(gid)).status).toBe('succeeded');
        expect(app.recording.trace(gid)).toEqual(['reserve-stock#1', 'ping#1', 'send-email#1']);
      }
    });
  },
  { atDtm: ['postgres'] },
);

// At DTM it is the server that stores it.
describePlacements(
  'a success that cannot be stored yet',
  (backend, placement) => {
    let databases: Databases;
    let app: TestApplication;
    suiteApplication(backend, placement, (started) => ({ databases, app } = started));

    it('holds back the next step, and no other job', async () => {
      const lock = databases.store;
      app.recording.onExecute = async ({ step, gid }) => {
        if (step !== 'reserve-stock') return;
        await lock.query('BEGIN');
        await lock.query(`SELECT gid FROM stepping_jobs WHERE gid = '${gid}' FOR UPDATE`);
      };
      const job = app.jobs
        .createJob({ transaction: 'none' })
        .addStep(ReserveStock, order)
        .addStep(SendEmail, order);
      const { gid } = await job.start();
      try {
        await waitFor(() => app.recording.trace(gid).length === 1);
        const later = await app.jobs.createJob({ transaction: 'none' }).addStep(Ping).addStep(Ping).start();
        expect((await app.ended(later.gid)).status).toBe('succeeded');
        expect(app.recording.trace(gid)).toEqual(['reserve-stock#1']);
      } finally {
        await lock.query('COMMIT');
      }
      expect((await app.ended(gid)).status).toBe('succeeded');
      expect(app.recording.trace(gid)).toEqual(['reserve-stock#1', 'send-email#1']);
    });
  },
  ['postgres', 'mariadb'],
);
