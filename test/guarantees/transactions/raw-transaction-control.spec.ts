import type { EntityManager } from 'typeorm';
import { expect, it } from 'vitest';
import { JobOutsideTransactionError } from '../../../lib/index.js';
import { suiteApplication } from '../../support/suite-application.js';
import { TestApplication } from '../../support/application.js';
import { onTidb } from '../../support/database.js';
import { describeManagers } from '../../support/placements.js';
import { expectNeverRan, expectRanOnce, startPing } from '../../support/fates.js';
import { Order } from '../../support/order.entity.js';
import { Ping } from '../../support/steps.js';

type Send = (manager: EntityManager, sql: string) => Promise<unknown>;

/** Where the statements come from: TypeORM's `query`, or the driver's connection, which TypeORM never sees. */
const senders: Record<string, Send> = {
  'queryRunner.query()': (manager, sql) => manager.query(sql),
  'the raw client': async (manager, sql) => (await manager.queryRunner!.connect()).query(sql),
};

describeManagers(
  'transaction control sent by hand',
  (backend, placement) => {
    let app: TestApplication;
    suiteApplication(backend, placement, (started) => ({ app } = started), {
      selfTm: { leaseDuration: 2000 },
    });

    // What MariaDB's driver is told directly leaves no trace that could be read.
    const names = backend === 'postgres' ? Object.keys(senders) : ['queryRunner.query()'];

    for (const name of names) {
      const send = senders[name]!;

      it(`COMMIT through ${name} commits the job, whatever TypeORM does then`, async () => {
        let gid = '';
        const failing = app.dataSource.transaction(async (manager) => {
          gid = await startPing(app);
          await send(manager, 'COMMIT');
          throw new Error('too late');
        });
        await expect(failing).rejects.toThrow('too late');
        await expectRanOnce(app, gid);
      });

      it(`COMMIT and BEGIN through ${name} commit the job, whatever becomes of the second transaction`, async () => {
        let gid = '';
        const failing = app.dataSource.transaction(async (manager) => {
          gid = await startPing(app);
          await send(manager, 'COMMIT');
          await send(manager, 'BEGIN');
          throw new Error('too late');
        });
        await expect(failing).rejects.toThrow('too late');
        await expectRanOnce(app, gid);
      });

      it(`ROLLBACK through ${name} rolls the job back, although TypeORM commits`, async () => {
        let gid = '';
        await app.dataSource.transaction(async (manager) => {
          gid = await startPing(app);
          await send(manager, 'ROLLBACK');
        });
        await expectNeverRan(app, gid);
      });

      it(`ROLLBACK and BEGIN through ${name} roll the job back, although TypeORM commits`, async () => {
        let gid = '';
        await app.dataSource.transaction(async (manager) => {
          await manager.insert(Order, { id: 'first' });
          gid = await startPing(app);
          await send(manager, 'ROLLBACK');
          await send(manager, 'BEGIN');
          await manager.insert(Order, { id: `second-${name}` });
        });
        expect(await app.dataSource.getRepository(Order).countBy({ id: `second-${name}` })).toBe(1);
        expect(await app.dataSource.getRepository(Order).countBy({ id: 'first' })).toBe(0);
        await expectNeverRan(app, gid);
      });

      it.each(['COMMIT', 'ROLLBACK'])(
        `a start after %s through ${name} is refused, and leaves nothing`,
        async (end) => {
          const job = app.jobs.createJob().addStep(Ping);
          await app.dataSource.transaction(async (manager) => {
            await send(manager, end);
            await expect(job.start()).rejects.toBeInstanceOf(JobOutsideTransactionError);
          });
          if (placement === 'one') expect(await app.admin.find(job.gid)).toBeNull();
          await expectNeverRan(app, job.gid);
        },
      );
    }

    const hidden = {
      postgres: [
        '/* a /* nested */ one */ ROLLBACK',
        'SELECT 1; /* one more */ ROLLBACK',
        '-- up to here\rROLLBACK',
      ],
      mariadb: [
        ...['# the end\n ROLLBACK', '/*! ROLLBACK */', '/*!50000 ROLLBACK */'],
        // A comment on TiDB.
        ...(onTidb ? [] : ['/*M!100000 ROLLBACK */']),
      ],
    }[backend as 'postgres' | 'mariadb'];
    it.each(['/* the end */ -- of it\n ROLLBACK', ...hidden])('a comment hides nothing: %j', async (sql) => {
      let gid = '';
      await app.dataSource.transaction(async (manager) => {
        gid = await startPing(app);
        await manager.query(sql);
      });
      await expectNeverRan(app, gid);
    });
  },
  { only: ['postgres', 'mariadb'] },
);

describeManagers(
  'DDL that commits implicitly on MariaDB',
  (backend, placement) => {
    let app: TestApplication;
    suiteApplication(backend, placement, (started) => ({ app } = started), {
      selfTm: { leaseDuration: 2000 },
    });

    it('commits the jobs before it, although the transaction rolls back', async () => {
      let gid = '';
      const failing = app.dataSource.transaction(async (manager) => {
        await manager.insert(Order, { id: 'ddl' });
        gid = await startPing(app);
        await manager.query('CREATE TABLE surprise (id int)');
        throw new Error('too late');
      });
      await expect(failing).rejects.toThrow('too late');
      expect(await app.count(Order)).toBe(1);
      await expectRanOnce(app, gid);
    });

    it('leaves no transaction for the jobs after it', async () => {
      const job = app.jobs.createJob().addStep(Ping);
      const refused = app.dataSource.transaction(async (manager) => {
        await manager.query('CREATE TABLE another_surprise (id int)');
        await job.start();
      });
      await expect(refused).rejects.toBeInstanceOf(JobOutsideTransactionError);
      await expectNeverRan(app, job.gid);
    });
  },
  { only: ['mariadb'] },
);

describeManagers(
  'transaction control sent by hand on SQLite',
  (backend, placement) => {
    let app: TestApplication;
    suiteApplication(backend, placement, (started) => ({ app } = started), {
      selfTm: { leaseDuration: 2000 },
    });

    it('ROLLBACK and BEGIN roll the job back, although TypeORM commits', async () => {
      let gid = '';
      await app.dataSource.transaction(async (manager) => {
        gid = await startPing(app);
        await manager.query('ROLLBACK');
        await manager.query('BEGIN');
      });
      await expectNeverRan(app, gid);
    });

    it('leaves no transaction for a start after it', async () => {
      const job = app.jobs.createJob().addStep(Ping);
      await app.dataSource.transaction(async (manager) => {
        await manager.query('ROLLBACK');
        await expect(job.start()).rejects.toBeInstanceOf(JobOutsideTransactionError);
        await manager.query('BEGIN');
      });
      await expectNeverRan(app, job.gid);
    });

    // The last one: TypeORM cannot use the connection any more after a ROLLBACK that has failed.
    it('COMMIT commits the job, whatever TypeORM does then', async () => {
      let gid = '';
      const failing = app.dataSource.transaction(async (manager) => {
        gid = await startPing(app);
        await manager.query('COMMIT');
        throw new Error('too late');
      });
      await expect(failing).rejects.toThrow();
      await expectRanOnce(app, gid);
    });
  },
  { only: ['sqlite'] },
);
