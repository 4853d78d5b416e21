import { afterAll, beforeAll, expect, it } from 'vitest';
import { TestApplication } from '../../support/application.js';
import { Databases, describeManagers, isAtDtm } from '../../support/placements.js';
import { expectNeverRan, expectRanOnce, startPing } from '../../support/fates.js';
import type { TestDatabase } from '../../support/database.js';

describeManagers(
  'a transaction with a search_path of its own',
  (backend, placement) => {
    let databases: Databases;
    let app: TestApplication;
    let decoy: string;
    let tables: readonly (readonly [string, TestDatabase])[];

    beforeAll(async () => {
      databases = await Databases.create(backend, placement);
      tables = [
        ...(isAtDtm(placement) ? [] : [['stepping_jobs', databases.store] as const]),
        ['stepping_barrier', databases.business],
      ];
      app = await TestApplication.start(databases);
      decoy = `${databases.business.schema}_decoy`;
      await databases.business.query(`CREATE SCHEMA ${decoy}`);
      for (const [table, database] of tables) {
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
        for (const [table] of tables)
          expect(await manager.query(`SELECT gid FROM ${decoy}.${table}`)).toEqual([]);
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
  { only: ['postgres'] },
);
