import type { DataSource } from 'typeorm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  AmbiguousDataSourceError,
  DataSourceNotFoundError,
  StandaloneJobInTransactionError,
} from '../../../lib/index.js';
import { connect, TestApplication } from '../../support/application.js';
import { Databases, describeManagers } from '../../support/placements.js';
import { expectNeverRan, expectRanOnce, fence, startPing } from '../../support/fates.js';
import { Order } from '../../support/order.entity.js';
import { Ping } from '../../support/steps.js';
import { createDatabase, type TestDatabase } from '../../support/database.js';

describeManagers(
  'two DataSources in one application',
  (backend, placement) => {
    const sharesConnection = backend === 'sqlite' && placement === 'one';
    let databases: Databases;
    let elsewhere: TestDatabase;
    let second: DataSource;
    let app: TestApplication;

    beforeAll(async () => {
      databases = await Databases.create(backend, placement);
      elsewhere = await createDatabase(backend);
      second = await connect(elsewhere, { name: 'second' });
      app = await TestApplication.start(databases, {
        providers: [{ provide: Symbol('second'), useValue: second }],
      });
    });
    afterAll(async () => {
      await app?.close();
      if (second?.isInitialized) await second.destroy();
      await elsewhere?.drop();
      await databases?.drop();
    });

    const storedIn = async (database: TestDatabase, table: string, gid: string) =>
      (await database.query(`SELECT gid FROM ${table} WHERE gid = '${gid}'`)).length;

    it('run the jobs of both transactions, all kept in one place', async () => {
      const gids = await Promise.all(
        [app.dataSource, second].map((dataSource) =>
          dataSource.transaction(async (manager) => {
            await manager.insert(Order, { id: 'both' });
            return startPing(app);
          }),
        ),
      );
      for (const gid of gids) {
        await expectRanOnce(app, gid);
        if (app.atDtm) expect((await databases.dtm!.query(gid)).transaction).not.toBeNull();
        else expect(await storedIn(databases.business, 'stepping_jobs', gid)).toBe(1);
      }
      // One statement in the transaction of the jobs' own database; a barrier in the other.
      expect(await storedIn(databases.business, 'stepping_barrier', gids[0]!)).toBe(app.atDtm ? 1 : 0);
      expect(await storedIn(elsewhere, 'stepping_barrier', gids[1]!)).toBe(1);
    });

    it('share the gids: one that was used in the other database is refused', async () => {
      const gid = 'in-both';
      const start = (dataSource: DataSource) =>
        dataSource.transaction(() => app.jobs.createJob({ gid }).addStep(Ping).start());
      await start(app.dataSource);
      await expectRanOnce(app, gid);
      await expect(start(second)).rejects.toMatchObject({
        name: 'DuplicateGidError',
        existing: { otherTenant: true },
      });
      await start(app.dataSource);
      expect(app.recording.trace(gid)).toEqual(['ping#1']);
    });

    it('let each transaction decide for itself, also one around the other', async ({ skip }) => {
      if (sharesConnection) skip('the jobs are on the only connection of the outer transaction');
      let inner = '';
      let outer = '';
      const failing = app.dataSource.transaction(async () => {
        inner = await second.transaction(() => startPing(app));
        outer = await startPing(app);
        throw new Error('outer');
      });
      await expect(failing).rejects.toThrow('outer');
      await expectRanOnce(app, inner);
      await expectNeverRan(app, outer);
    });

    it('refuse a job of the other one while the only connection of the jobs is in a transaction', async ({
      skip,
    }) => {
      if (!sharesConnection) skip('only where the jobs are on the only connection of the outer transaction');
      const job = app.jobs.createJob().addStep(Ping);
      await app.dataSource.transaction(async () => {
        const inner = second.transaction(() => job.start());
        await expect(inner).rejects.toBeInstanceOf(StandaloneJobInTransactionError);
      });
      await expectNeverRan(app, job.gid);
    });

    it('roll back in the one that fails', async () => {
      let gid = '';
      const failing = second.transaction(async () => {
        gid = await startPing(app);
        throw new Error('no');
      });
      await expect(failing).rejects.toThrow('no');
      await expectNeverRan(app, gid);
    });

    it('refuse a transaction of a third one, which nobody could ask after a crash', async () => {
      const third = await connect(elsewhere, { name: 'third' });
      const job = await third.transaction(async (manager) => {
        const refused = app.jobs.createJob({ transaction: manager }).addStep(Ping);
        const start = refused.start();
        await expect(start).rejects.toBeInstanceOf(DataSourceNotFoundError);
        await expect(start).rejects.toMatchObject({ dataSource: 'third', known: ['default', 'second'] });
        return refused;
      });
      await third.destroy();
      await fence(app);
      expect(await app.admin.find(job.gid)).toBeNull();
      expect(app.recording.of(job.gid)).toEqual([]);
    });

    it('are a start-up error that names them when none is the default', async ({ skip }) => {
      if (app.atDtm) skip('DTM keeps the jobs, so no DataSource has to be chosen for them');
      const starting = TestApplication.start(databases, {
        dataSource: { name: 'orders' },
        providers: [{ provide: Symbol('second'), useValue: second }],
      });
      const error = await starting.then(
        async (started) => started.close(),
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(AmbiguousDataSourceError);
      expect((error as Error).message).toMatch(/orders.*second|second.*orders/);
    });

    it('are no error when the options name one', async ({ skip }) => {
      if (app.atDtm) skip('DTM keeps the jobs, so no DataSource has to be chosen for them');
      const named = await TestApplication.start(databases, {
        dataSource: { name: 'orders' },
        providers: [{ provide: Symbol('second'), useValue: second }],
        selfTm: { dataSource: 'orders' },
      });
      const gid = await named.dataSource.transaction(() => startPing(named));
      expect(await storedIn(databases.business, 'stepping_jobs', gid)).toBe(1);
      await expectEndsInEither(gid, named);
      await named.close();
    });

    /** Both applications run steps of the one database. */
    async function expectEndsInEither(gid: string, named: TestApplication): Promise<void> {
      expect((await named.ended(gid)).status).toBe('succeeded');
      expect([...named.recording.of(gid), ...app.recording.of(gid)]).toHaveLength(1);
    }
  },
  { selfTm: ['one'] },
);
