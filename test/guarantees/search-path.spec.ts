import { afterAll, beforeAll, expect, it } from 'vitest';
import { Databases, describePlacements, TestApplication } from '../fixtures/application.js';
import { expectNeverRan, expectRanOnce, startPing } from '../fixtures/fates.js';

describePlacements(
  'a transaction with a search_path of its own',
  (backend, placement) => {
    let databases: Databases;
    let app: TestApplication;
    let decoy: string;

    beforeAll(async () => {
      databases = await Databases.create(backend, placement);
      app = await TestApplication.start(databases);
      decoy = `${databases.business.schema}_decoy`;
      await databases.business.query(`CREATE SCHEMA ${decoy}`);
      for (const [table, database] of [
        ['stepping_jobs', databases.store],
        ['stepping_barrier', databases.business],
      ] as const) {
        await databases.business.query(
          `CREATE TABLE ${decoy}.${table} (LIKE ${database.schema}.${table} INCLUDING ALL)`,
        );
      }
    });
    afterAll(async () => {
      await app?.close();
      await databases?.business.query(`DROP SCHEMA IF EXISTS ${decoy} CASCADE`);
      await databases?.drop();
    });

    it.each(['COMMIT', 'ROLLBACK'])('does not divert what is written for a job before a %s', async (end) => {
      let gid = '';
      const work = app.dataSource.transaction(async (manager) => {
        await manager.query(`SET LOCAL search_path TO ${decoy}`);
        gid = await startPing(app);
        const [{ jobs, barriers }] = await manager.query(
          `SELECT (SELECT count(*)::int FROM ${decoy}.stepping_jobs) AS jobs,
                  (SELECT count(*)::int FROM ${decoy}.stepping_barrier) AS barriers`,
        );
        expect([jobs, barriers]).toEqual([0, 0]);
        if (end === 'ROLLBACK') throw new Error('no');
      });
      if (end === 'COMMIT') {
        await work;
        await expectRanOnce(app, gid);
      } else {
        await expect(work).rejects.toThrow('no');
        await expectNeverRan(app, gid);
      }
    });
  },
  ['postgres'],
);
