import { expect, it } from 'vitest';
import { TestApplication } from '../../support/application.js';
import { describeBackends } from '../../support/database.js';
import { Databases } from '../../support/placements.js';
import { startWorker, stepMessages, workerReady } from '../../support/worker.js';
import { waitFor } from '../../support/wait-for.js';

/** Of both stores together, fewer than one step may hold slots. */
const JOBS = 10;
const SETTINGS = {
  dataSource: ['jobs', 'default'],
  leaseDuration: 2000,
  recoveryInterval: 250,
};

describeBackends(
  'a process with two stores that is killed',
  (backend) => {
    it('leaves the jobs of both to another process', async () => {
      const databases = await Databases.create(backend, 'two');
      const other = await TestApplication.start(databases, { selfTm: SETTINGS });
      try {
        const starter = await workerReady(startWorker(databases, { name: 'starter', selfTm: SETTINGS }));
        const endless = { only: 'starter', wait: 'release' } as const;
        const steps = [
          ['reserve-stock', {}],
          ['send-email', endless],
        ];
        starter.send({ start: { gid: 'first', times: JOBS, transaction: 'none', steps } });
        starter.send({ start: { gid: 'second', times: JOBS, steps } });
        const gids = ['first', 'second'].flatMap((name) =>
          Array.from({ length: JOBS }, (_, at) => `${name}-${at}`),
        );
        const stands = (gid: string) =>
          stepMessages(starter, gid).some(({ index }) => index === 1) || other.recording.of(gid).length > 0;
        await waitFor(() => gids.every(stands), { message: () => gids.filter((gid) => !stands(gid)) });
        const held = gids.filter((gid) => other.recording.of(gid).length === 0);
        for (const name of ['first', 'second']) expect(held.some((gid) => gid.startsWith(name))).toBe(true);
        await starter.kill('SIGKILL');

        for (const gid of gids) {
          const job = await other.ended(gid);
          const dataSource = gid.startsWith('first') ? 'jobs' : 'default';
          expect(job).toMatchObject({ status: 'succeeded', dataSource });
        }
        // What had been stored is not repeated.
        for (const gid of held) expect(other.recording.trace(gid)).toEqual(['send-email#1']);
      } finally {
        await other.close();
        await databases.drop();
      }
    });
  },
  ['postgres', 'mariadb'],
);
