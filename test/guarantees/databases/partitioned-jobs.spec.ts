import { afterAll, beforeAll, expect, it } from 'vitest';
import { TestApplication } from '../../support/application.js';
import { describeBackends } from '../../support/database.js';
import { partitionJobs } from '../../support/partitioned-jobs.js';
import { Databases } from '../../support/placements.js';
import { Ping } from '../../support/steps.js';
import { waitFor } from '../../support/wait-for.js';

const JOBS = 300;

describeBackends(
  'a table of jobs that is partitioned by gid',
  (backend) => {
    let databases: Databases;
    beforeAll(async () => {
      databases = await Databases.create(backend, 'one');
      await partitionJobs(databases.business);
    });
    afterAll(() => databases?.drop());

    const gids = (prefix: string): string[] => Array.from({ length: JOBS }, (_, n) => `${prefix}-${n}`);

    it('runs each due job of a backlog once, and none before its time', async () => {
      const starting = await TestApplication.start(databases, { selfTm: { runSteps: false } });
      for (const gid of gids('now'))
        await starting.jobs.createJob({ gid, transaction: 'none' }).addStep(Ping).start();
      for (const gid of gids('later')) {
        await starting.jobs.createJob({ gid, transaction: 'none', delay: '1h' }).addStep(Ping).start();
      }
      await starting.close();

      const apps = [await TestApplication.start(databases), await TestApplication.start(databases)];
      const [app] = apps as [TestApplication];
      const counts = async (status: 'succeeded' | 'submitted') =>
        (await app.admin.list({ status, limit: 1000 })).jobs.length;
      await waitFor(async () => (await counts('succeeded')) === JOBS, { message: 'the end of the backlog' });
      for (const gid of gids('now')) {
        expect(
          apps.flatMap(({ recording }) => recording.trace(gid)),
          gid,
        ).toEqual(['ping#1']);
      }
      expect(await counts('submitted')).toBe(JOBS);
      for (const gid of gids('later')) expect(apps.flatMap(({ recording }) => recording.of(gid))).toEqual([]);
      await Promise.all(apps.map((each) => each.close()));
    });
  },
  ['postgres'],
);
