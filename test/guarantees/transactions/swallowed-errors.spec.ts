import type { EntityManager } from 'typeorm';
import { beforeAll, expect, it } from 'vitest';
import { JobOutsideTransactionError } from '../../../lib/index.js';
import { suiteApplication } from '../../support/suite-application.js';
import { TestApplication } from '../../support/application.js';
import { Databases, describeManagers } from '../../support/placements.js';
import { expectNeverRan, expectRanOnce, startPing } from '../../support/fates.js';
import { Order } from '../../support/order.entity.js';
import { lockWaits } from '../../support/lock-waits.js';
import { Ping } from '../../support/steps.js';
import { waitFor } from '../../support/wait-for.js';
import { exceptOnTidb, onTidb } from '../../support/database.js';

// Long enough that whatever is known about the end of a transaction was seen, and not asked for later.
const options = { selfTm: { queryPreparedAfter: '1h' }, dtm: { queryPreparedAfter: '1h' } } as const;

describeManagers(
  'a statement error that the caller swallows on PostgreSQL',
  (backend, placement) => {
    let app: TestApplication;
    suiteApplication(backend, placement, (started) => ({ app } = started), options);

    it('makes COMMIT a rollback without an error: no step runs, and the job is told', async () => {
      let gid = '';
      await app.dataSource.transaction(async (manager) => {
        await manager.insert(Order, { id: 'swallowed' });
        gid = await startPing(app);
        await manager.query('SELECT 1 / 0').catch(() => undefined);
      });
      expect(await app.count(Order)).toBe(0);
      await expectNeverRan(app, gid);
    });

    it('before the start makes the start fail, and nothing is left', async () => {
      const job = app.jobs.createJob().addStep(Ping);
      await app.dataSource.transaction(async (manager) => {
        await manager.query('SELECT 1 / 0').catch(() => undefined);
        await expect(job.start()).rejects.toThrow('current transaction is aborted');
      });
      expect((await app.admin.find(job.gid))?.status ?? 'prepared').toBe('prepared');
      expect(app.recording.of(job.gid)).toEqual([]);
    });

    it('inside a savepoint that is rolled back takes nothing else along', async () => {
      const gids: string[] = [];
      await app.dataSource.transaction(async (manager) => {
        gids.push(await startPing(app));
        const nested = manager.transaction(async (inner) => {
          gids.push(await startPing(app));
          await inner.query('SELECT 1 / 0');
        });
        await expect(nested).rejects.toThrow('division by zero');
        gids.push(await startPing(app));
      });
      await expectRanOnce(app, gids[0]!);
      await expectRanOnce(app, gids[2]!);
      await expectNeverRan(app, gids[1]!);
    });

    it('of a job that conflicts does not poison the transaction', async () => {
      await app.jobs.createJob({ gid: 'mine' }).addStep(Ping).start();
      await app.ended('mine');
      await app.dataSource.transaction(async (manager) => {
        const other = app.jobs.createJob({ gid: 'mine' }).addStep('send-email', { orderId: 'x' });
        await expect(other.start()).rejects.toMatchObject({ code: 'STEPPING_DUPLICATE_GID' });
        await manager.insert(Order, { id: 'not-poisoned' });
      });
      expect(await app.dataSource.getRepository(Order).countBy({ id: 'not-poisoned' })).toBe(1);
    });
  },
  { only: ['postgres'] },
);

describeManagers(
  'a deadlock that the caller swallows on MariaDB',
  (backend, placement) => {
    let databases: Databases;
    let app: TestApplication;
    suiteApplication(backend, placement, (started) => ({ databases, app } = started));
    beforeAll(async () => {
      await app.dataSource.getRepository(Order).insert(['first', 'second'].map((id) => ({ id })));
      await databases.business.query(
        'CREATE TABLE ballast (id int AUTO_INCREMENT PRIMARY KEY, text varchar(20))',
      );
    });

    /** Makes the server roll the transaction of `manager` back in favour of another one (1213). */
    async function deadlock(manager: EntityManager): Promise<void> {
      const other = databases.business;
      await manager.query(`UPDATE orders SET note = 'a' WHERE id = 'first'`);
      await other.query('START TRANSACTION');
      // The transaction that has written less is the victim.
      await other.query(
        `INSERT INTO ballast (text) WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 500) SELECT 'heavy' FROM n`,
      );
      await other.query(`UPDATE orders SET note = 'b' WHERE id = 'second'`);
      const waiting = other.query(`UPDATE orders SET note = 'b' WHERE id = 'first'`);
      // TiDB ends the one that closes the circle.
      if (onTidb) {
        const waits = lockWaits(other);
        await waitFor(async () => (await app.dataSource.query(waits)).length > 0, { message: 'the wait' });
      }
      const victim = manager.query(`UPDATE orders SET note = 'a' WHERE id = 'second'`);
      await expect(victim).rejects.toMatchObject({ errno: 1213 });
      await waiting;
      await other.query('ROLLBACK');
    }

    it('takes the jobs started before it along, although the commit succeeds', async () => {
      let gid = '';
      await app.dataSource.transaction(async (manager) => {
        await manager.insert(Order, { id: 'before' });
        gid = await startPing(app);
        await deadlock(manager);
      });
      expect(await app.dataSource.getRepository(Order).countBy({ id: 'before' })).toBe(0);
      await expectNeverRan(app, gid);
    });

    it('lets no job start after it: the row is removed and the start refused', async () => {
      let refused: Promise<unknown> | undefined;
      const job = app.jobs.createJob().addStep(Ping);
      await app.dataSource.transaction(async (manager) => {
        await deadlock(manager);
        refused = job.start();
        await expect(refused).rejects.toBeInstanceOf(JobOutsideTransactionError);
      });
      if (placement === 'one') expect(await app.admin.find(job.gid)).toBeNull();
      await expectNeverRan(app, job.gid);
      const barriers = await databases.business.query('SELECT reason FROM stepping_barrier WHERE gid = ?', [
        job.gid,
      ]);
      expect(barriers.filter((row) => row.reason === 'msg')).toEqual([]);
    });

    it('lets no job start after it either when one was started before', async () => {
      let first = '';
      const second = app.jobs.createJob().addStep(Ping);
      await app.dataSource.transaction(async (manager) => {
        first = await startPing(app);
        await deadlock(manager);
        await expect(second.start()).rejects.toBeInstanceOf(JobOutsideTransactionError);
      });
      await expectNeverRan(app, first, second.gid);
    });
  },
  { only: ['mariadb'] },
);

describeManagers(
  'a record that has changed, which the caller swallows on MariaDB',
  (backend, placement) => {
    let databases: Databases;
    let app: TestApplication;
    suiteApplication(backend, placement, (started) => ({ databases, app } = started));
    beforeAll(() => app.dataSource.getRepository(Order).insert({ id: 'contested' }));

    /** Makes the server roll the transaction of `manager` back, since it has read what another one has changed (1020). */
    async function writeUnread(manager: EntityManager): Promise<void> {
      await manager.query('SET innodb_snapshot_isolation = ON');
      await manager.count(Order);
      await databases.business.query(`UPDATE orders SET note = CONCAT(note, 'b') WHERE id = 'contested'`);
      const late = manager.query(`UPDATE orders SET note = 'a' WHERE id = 'contested'`);
      await expect(late).rejects.toMatchObject({ errno: 1020 });
      await manager.query('SET innodb_snapshot_isolation = DEFAULT');
    }

    exceptOnTidb('it has no such setting')(
      'takes the jobs started before it along, although the commit succeeds',
      async () => {
        let gid = '';
        await app.dataSource.transaction(async (manager) => {
          await manager.insert(Order, { id: 'before' });
          gid = await startPing(app);
          await writeUnread(manager);
        });
        expect(await app.dataSource.getRepository(Order).countBy({ id: 'before' })).toBe(0);
        await expectNeverRan(app, gid);
      },
    );

    exceptOnTidb('it has no such setting')('lets no job start after it', async () => {
      let first = '';
      const second = app.jobs.createJob().addStep(Ping);
      await app.dataSource.transaction(async (manager) => {
        first = await startPing(app);
        await writeUnread(manager);
        await expect(second.start()).rejects.toBeInstanceOf(JobOutsideTransactionError);
      });
      await expectNeverRan(app, first, second.gid);
    });
  },
  { only: ['mariadb'] },
);
