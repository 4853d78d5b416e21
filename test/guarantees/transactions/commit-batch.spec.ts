import type pg from 'pg';
import type { EntityManager, QueryRunner } from 'typeorm';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { suiteApplication } from '../../support/suite-application.js';
import { TestApplication } from '../../support/application.js';
import { Databases, describePlacements } from '../../support/placements.js';
import { expectNeverRan, expectRanOnce, startPing } from '../../support/fates.js';
import { Order } from '../../support/order.entity.js';
import { StatementLog } from '../../support/statement-log.js';
import { Ping } from '../../support/steps.js';

const JOBS_TABLE = 'stepping_jobs';

/** On PostgreSQL the row of a job waits for the end of its transaction and goes out together with the COMMIT. */
describePlacements(
  'jobs that travel with the COMMIT',
  (backend, placement) => {
    let databases: Databases;
    let app: TestApplication;
    let log: StatementLog | undefined;
    // Few connections: what a transaction leaves behind on one of them meets the next transaction.
    suiteApplication(backend, placement, (started) => ({ databases, app } = started), {
      dataSource: { poolSize: 2 },
    });
    beforeAll(async () => {
      await expectRanOnce(app, await app.dataSource.transaction(() => startPing(app)));
    });
    afterEach(() => {
      log?.close();
      log = undefined;
    });

    const clientOf = async (manager: EntityManager): Promise<pg.Client> => manager.queryRunner!.connect();

    const orders = (id: string): Promise<number> => app.dataSource.getRepository(Order).countBy({ id });

    it('does not wait for them at start()', async () => {
      let before = 0;
      const gid = await app.dataSource.transaction(async (manager) => {
        await manager.insert(Order, { id: 'unhurried' });
        log = new StatementLog();
        const started = await startPing(app);
        before = log.statements.length;
        return started;
      });
      expect(before).toBe(0);
      expect(log!.transactions()).toEqual([]);
      expect(log!.statements.slice(0, 2).map(({ sql }) => sql.split(' ')[0])).toEqual(['INSERT', 'COMMIT']);
      await expectRanOnce(app, gid);
    });

    it('goes through tools that copy the query objects of the driver to add comments', async () => {
      let prototype!: { query(this: pg.Client, query: unknown, ...rest: unknown[]): unknown };
      await app.dataSource.transaction(async (manager) => {
        prototype = Object.getPrototypeOf(await clientOf(manager)) as typeof prototype;
      });
      const { query } = prototype;
      prototype.query = function (sent, ...rest) {
        const copied = typeof sent === 'object' && sent !== null && 'text' in sent;
        return query.call(
          this,
          copied ? { ...sent, text: `${String(sent.text)} /* traced */` } : sent,
          ...rest,
        );
      };
      try {
        const gid = await app.dataSource.transaction(() => startPing(app));
        await expectRanOnce(app, gid);
        let gone = '';
        const failing = app.dataSource.transaction(async () => {
          gone = await startPing(app);
          throw new Error('no');
        });
        await expect(failing).rejects.toThrow('no');
        await expectNeverRan(app, gone);
      } finally {
        prototype.query = query;
      }
    });

    it('sends those of a large transaction by the hundred', async () => {
      log = new StatementLog();
      const gids = await app.dataSource.transaction(async () => {
        const started: string[] = [];
        for (let count = 0; count < 250; count += 1) started.push(await startPing(app));
        expect(log!.count(/^INSERT/)).toBe(200);
        return started;
      });
      const [statements] = log.transactions();
      expect(statements!.filter((sql) => sql.startsWith('INSERT'))).toHaveLength(250);
      for (const gid of gids) await expectRanOnce(app, gid);
    });

    it('fails the transaction when the database refuses one, and commits nothing', async () => {
      await databases.store.query(
        `ALTER TABLE ${JOBS_TABLE} ADD CONSTRAINT no_refused CHECK (name IS DISTINCT FROM 'refused')`,
      );
      const job = app.jobs.createJob({ name: 'refused' }).addStep(Ping);
      let other = '';
      try {
        const failing = app.dataSource.transaction(async (manager) => {
          await manager.insert(Order, { id: 'refused' });
          other = await startPing(app);
          await job.start();
        });
        await expect(failing).rejects.toThrow('no_refused');
      } finally {
        await databases.store.query(`ALTER TABLE ${JOBS_TABLE} DROP CONSTRAINT no_refused`);
      }
      expect(await orders('refused')).toBe(0);
      await expectNeverRan(app, job.gid, other);
    });

    it('fails the transaction when one was refused ahead of another statement, too', async () => {
      await databases.store.query(
        `ALTER TABLE ${JOBS_TABLE} ADD CONSTRAINT no_early CHECK (name IS DISTINCT FROM 'early')`,
      );
      const job = app.jobs.createJob({ name: 'early' }).addStep(Ping);
      try {
        const failing = app.dataSource.transaction(async (manager) => {
          await manager.insert(Order, { id: 'early' });
          await job.start();
          await manager.query('SET LOCAL statement_timeout = 1000').catch(() => undefined);
        });
        await expect(failing).rejects.toMatchObject({ code: 'STEPPING_COMMIT_REFUSED' });
      } finally {
        await databases.store.query(`ALTER TABLE ${JOBS_TABLE} DROP CONSTRAINT no_early`);
      }
      expect(await orders('early')).toBe(0);
      await expectNeverRan(app, job.gid);
    });

    it('are written under the rights and settings of the moment they were started in', async () => {
      const gid = await app.dataSource.transaction(async (manager) => {
        const started = await startPing(app);
        await manager.query('SET LOCAL ROLE pg_read_all_stats');
        return started;
      });
      await expectRanOnce(app, gid);
    });

    it('are there for a statement that looks for them behind a savepoint', async () => {
      const { gid, seen } = await app.dataSource.transaction(async (manager) => {
        const started = await startPing(app);
        await manager.query('SAVEPOINT mine');
        const rows: unknown[] = await manager.query(`SELECT 1 FROM ${JOBS_TABLE} WHERE gid = $1`, [started]);
        await manager.query('ROLLBACK TO SAVEPOINT mine');
        return { gid: started, seen: rows.length };
      });
      expect(seen).toBe(1);
      await expectRanOnce(app, gid);
    });

    it('go with the savepoint that a failed statement is undone by, and no further', async () => {
      let gone = '';
      const kept = await app.dataSource.transaction(async (manager) => {
        const started = await startPing(app);
        await manager.query('SAVEPOINT mine');
        gone = await startPing(app);
        await manager.query('SELECT 1 / 0').catch(() => undefined);
        await manager.query('ROLLBACK TO SAVEPOINT mine');
        return started;
      });
      await expectRanOnce(app, kept);
      await expectNeverRan(app, gone);
    });

    it('do not commit what a failed statement has spoilt', async () => {
      let gid = '';
      await app.dataSource.transaction(async (manager) => {
        await manager.insert(Order, { id: 'spoilt' });
        gid = await startPing(app);
        await manager.query('SELECT 1 / 0').catch(() => undefined);
      });
      expect(await orders('spoilt')).toBe(0);
      await expectNeverRan(app, gid);
    });

    it('leave nothing behind for the next transaction of the connection', async () => {
      log = new StatementLog();
      const gone: string[] = [];
      const failing = app.dataSource.transaction(async () => {
        gone.push(await startPing(app));
        throw new Error('rolled back');
      });
      await expect(failing).rejects.toThrow('rolled back');
      expect(log.count(/^INSERT/)).toBe(0);
      const runner = app.dataSource.createQueryRunner();
      await runner.startTransaction();
      gone.push((await app.jobs.createJob({ transaction: runner }).addStep(Ping).start()).gid);
      // Given back in the middle of its transaction, which the next user of the connection finds open.
      await runner.release();
      const nextOnes = Array.from({ length: 4 }, (_, count) =>
        app.dataSource.transaction((manager) => manager.insert(Order, { id: `next-${count}` })),
      );
      await Promise.all(nextOnes);
      await expectNeverRan(app, ...gone);
    });

    it('go out before a COMMIT in any shape', async () => {
      const shapes: Record<string, (client: pg.Client) => Promise<unknown>> = {
        text: (client) => client.query('COMMIT'),
        'other words': (client) => client.query('end transaction'),
        'a query object': (client) => client.query({ text: 'COMMIT' }),
        'a callback': (client) => new Promise((resolve) => client.query('COMMIT', resolve)),
        'several statements': (client) => client.query('SELECT 1; COMMIT'),
      };
      for (const [shape, commit] of Object.entries(shapes)) {
        const gid = await app.dataSource.transaction(async (manager) => {
          await manager.insert(Order, { id: shape });
          const started = await startPing(app);
          await commit(await clientOf(manager));
          return started;
        });
        expect(await orders(shape), shape).toBe(1);
        await expectRanOnce(app, gid);
      }
    });

    it('are sent at once where the driver pipelines by itself', async () => {
      let client: (pg.Client & { pipeline?: boolean }) | undefined;
      try {
        const gid = await app.dataSource.transaction(async (manager) => {
          client = await clientOf(manager);
          client.pipeline = true;
          return startPing(app);
        });
        await expectRanOnce(app, gid);
      } finally {
        client!.pipeline = false;
      }
    });
    const startOn = async (runner: QueryRunner, from = app): Promise<string> => {
      await runner.startTransaction();
      const { gid } = await from.jobs.createJob({ transaction: runner }).addStep(Ping).start();
      await runner.commitTransaction();
      return gid;
    };

    const parsedOn = async (runner: QueryRunner): Promise<number> => {
      const rows: unknown[] = await runner.query(
        `SELECT 1 FROM pg_prepared_statements WHERE name LIKE 'stepping_tx_%' AND statement LIKE 'INSERT%'`,
      );
      return rows.length;
    };

    it('are parsed once for a connection, and again when it has forgotten them', async () => {
      const runner = app.dataSource.createQueryRunner();
      try {
        for (const forget of [
          'SELECT 1',
          'SELECT 2',
          'DISCARD ALL',
          'SELECT 3; DEALLOCATE ALL',
          'SELECT 4',
        ]) {
          await runner.query(forget);
          await expectRanOnce(app, await startOn(runner));
        }
        expect(await parsedOn(runner)).toBe(1);
      } finally {
        await runner.release();
      }
    });

    it('are parsed every time where the server has once forgotten them unseen', async () => {
      const runner = app.dataSource.createQueryRunner();
      try {
        for (let times = 0; times < 2; times += 1) await expectRanOnce(app, await startOn(runner));
        await runner.startTransaction();
        await runner.query(`DO $$ BEGIN EXECUTE 'DEALL' || 'OCATE ALL'; END $$`);
        const gone = await app.jobs.createJob({ transaction: runner }).addStep(Ping).start();
        await expect(runner.commitTransaction()).rejects.toMatchObject({ code: '26000' });
        await runner.rollbackTransaction();
        await expectNeverRan(app, gone.gid);
        for (let times = 0; times < 2; times += 1) await expectRanOnce(app, await startOn(runner));
        expect(await parsedOn(runner)).toBe(0);
      } finally {
        await runner.release();
      }
    });

    it('are parsed every time where another process answers than the one that was connected to', async () => {
      const behindPooler = await TestApplication.start(databases, { dataSource: { poolSize: 2 } });
      const runner = behindPooler.dataSource.createQueryRunner();
      try {
        Object.assign((await runner.connect()) as object, { processID: 1 });
        for (let times = 0; times < 3; times += 1) {
          await expectRanOnce(behindPooler, await startOn(runner, behindPooler));
        }
        expect(await parsedOn(runner)).toBe(0);
      } finally {
        await runner.release();
        await behindPooler.close();
      }
    });
  },
  ['postgres'],
  ['one'],
);
