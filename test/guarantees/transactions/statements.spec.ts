import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { CreateJobOptions } from '../../../lib/index.js';
import { TestApplication } from '../../support/application.js';
import { Databases, describeAtDtm, describePlacements } from '../../support/placements.js';
import { Order } from '../../support/order.entity.js';
import { StatementLog } from '../../support/statement-log.js';
import { Ping } from '../../support/steps.js';
import { waitFor } from '../../support/wait-for.js';

const JOBS = 1000;
const WORKERS = 16;

describePlacements(
  'the statements of jobs',
  (backend, placement) => {
    let databases: Databases;
    let app: TestApplication;
    let log: StatementLog;

    beforeAll(async () => {
      databases = await Databases.create(backend, placement);
      // The default interval: a recovery that runs all the time would be counted as well.
      app = await TestApplication.start(databases, {
        dataSource: { poolSize: WORKERS },
        selfTm: { recoveryInterval: '1s', queryPreparedAfter: '10s' },
      });
      log = new StatementLog();
      await log.ignore(() => databases.store.query('SELECT 1'));
    });
    afterAll(async () => {
      log?.close();
      await app?.close();
      await databases?.drop();
    });
    beforeEach(() => log.clear());

    async function place(id: string, withJob: boolean, options?: CreateJobOptions): Promise<boolean> {
      return app.dataSource.transaction(async (manager) => {
        await manager.insert(Order, { id });
        return withJob && (await app.jobs.createJob(options).addStep(Ping).start()).created;
      });
    }

    async function succeeded(): Promise<number> {
      const [row] = await databases.store.query(
        `SELECT count(*)::int AS n FROM stepping_jobs WHERE status = 'succeeded'`,
      );
      return row!.n as number;
    }

    it('a job adds exactly one statement to its transaction', async () => {
      await place(`warm-${placement}`, true);
      await waitFor(async () => (await succeeded()) === 1);
      log.clear();
      await place(`without-${placement}`, false);
      expect(await place(`with-${placement}`, true)).toBe(true);
      const [without, withJob] = log.transactions();
      expect(without!.map((sql) => sql.split(' ')[0])).toEqual(['START', 'INSERT', 'COMMIT']);
      expect(withJob!.map((sql) => sql.split(' ')[0])).toEqual(['START', 'INSERT', 'INSERT', 'COMMIT']);
      expect(log.transactions()).toHaveLength(2);
      await waitFor(async () => (await succeeded()) === 2);
    });

    it('whether a job is new is told without a statement', async () => {
      const before = await succeeded();
      const gid = `own-${placement}`;
      log.clear();
      expect(await place(`new-${placement}`, true)).toBe(true);
      expect(await place(`own-new-${placement}`, true, { gid })).toBe(true);
      // In another database it would be found prepared for a moment.
      await waitFor(async () => (await succeeded()) === before + 2);
      expect(await place(`own-again-${placement}`, true, { gid })).toBe(false);
      const statements = log.transactions().map((each) => each.map((sql) => sql.split(' ')[0]));
      const withJob = ['START', 'INSERT', 'INSERT', 'COMMIT'];
      // The look at the job that is there is what it takes to compare them; it is not made in another database.
      const again =
        placement === 'one'
          ? ['START', 'INSERT', 'INSERT', 'SELECT', 'COMMIT']
          : ['START', 'INSERT', 'COMMIT'];
      expect(statements).toEqual([withJob, withJob, again]);
    });

    it(`${JOBS} jobs of ${WORKERS} concurrent transactions share the statements that see them through`, async () => {
      const before = await succeeded();
      log.clear();
      const ids = Array.from({ length: JOBS }, (_, index) => `order-${placement}-${index}`);
      await Promise.all(
        Array.from({ length: WORKERS }, async () => {
          for (let id = ids.pop(); id; id = ids.pop()) await place(id, true);
        }),
      );
      await waitFor(() => app.recording.executions.length === before + JOBS);
      await waitFor(async () => (await succeeded()) === before + JOBS);

      const transactions = log.transactions();
      expect(transactions).toHaveLength(JOBS);
      for (const statements of transactions) expect(statements).toHaveLength(4);
      const further = log.statements.length - 4 * JOBS;
      console.log(
        `${JOBS} jobs, placement ${placement}: ${further} further statements, of all connections, LISTEN's included`,
      );
      expect(further).toBeGreaterThan(0);
      if (placement === 'one') expect(further).toBeLessThanOrEqual(200);
      expect(app.recording.executions).toHaveLength(before + JOBS);
    });

    it('a job keeps its place in this process, however often recovery looks for others', async () => {
      const watchful = await TestApplication.start(databases, {
        selfTm: { recoveryInterval: 10, queryPreparedAfter: '10s' },
      });
      try {
        log.clear();
        await Promise.all(
          Array.from({ length: 8 }, async () => {
            for (let count = 0; count < 25; count += 1) {
              await watchful.dataSource.transaction(async () =>
                watchful.jobs.createJob().addStep(Ping).start(),
              );
            }
          }),
        );
        await waitFor(() => watchful.recording.executions.length === 200);
        // The row of a job without a place is for everyone, and everyone is told.
        expect(log.count(/pg_notify/)).toBe(0);
      } finally {
        await watchful.close();
      }
    });
  },
  ['postgres'],
);

describePlacements(
  'the statements of jobs that another process has left',
  (backend, placement) => {
    let databases: Databases;
    beforeAll(async () => {
      databases = await Databases.create(backend, placement);
    });
    afterAll(() => databases?.drop());

    it(`${JOBS} of them are claimed and ended in batches, and nothing reads the table besides`, async () => {
      const starting = await TestApplication.start(databases, { selfTm: { runSteps: false } });
      for (let placed = 0; placed < JOBS; placed += 100) {
        await starting.dataSource.transaction(async () => {
          for (let count = 0; count < 100; count += 1) await starting.jobs.createJob().addStep(Ping).start();
        });
      }
      await starting.close();

      const log = new StatementLog();
      await log.ignore(() => databases.store.query('SELECT 1'));
      const running = await TestApplication.start(databases, { selfTm: { recoveryInterval: '1m' } });
      try {
        const pending = () =>
          databases.store.query('SELECT 1 FROM stepping_jobs WHERE due_at IS NOT NULL LIMIT 1');
        await waitFor(async () => (await pending()).length === 0);
        expect(running.recording.executions).toHaveLength(JOBS);
        const statements = log.statements.filter(({ sql }) =>
          /FROM .*stepping_jobs|UPDATE .*stepping_jobs/.test(sql),
        );
        console.log(`${JOBS} waiting jobs: ${statements.length} statements on their table`);
        expect(statements.length).toBeLessThanOrEqual(JOBS * 0.06);
        // Jobs that are too young to be deleted are not read for that.
        expect(log.count(/AS expired/)).toBeLessThanOrEqual(2);
      } finally {
        log.close();
        await running.close();
      }
    });
  },
  ['postgres'],
  ['one'],
);

describeAtDtm(
  'the statements of jobs',
  (backend, placement) => {
    let databases: Databases;
    let app: TestApplication;
    let log: StatementLog;

    beforeAll(async () => {
      databases = await Databases.create(backend, placement);
      // All statements are counted; what processes tell of themselves is not about jobs.
      app = await TestApplication.start(databases, { selfTm: { monitoring: false } });
      log = new StatementLog();
    });
    afterAll(async () => {
      log?.close();
      await app?.close();
      await databases?.drop();
    });

    it('a job adds exactly one to its transaction, and none outside of it', async () => {
      const place = async (id: string): Promise<void> => {
        const { gid } = await app.dataSource.transaction(async (manager) => {
          await manager.insert(Order, { id });
          return app.jobs.createJob().addStep(Ping).start();
        });
        await app.ended(gid);
      };
      await place('warm');
      log.clear();
      for (let count = 0; count < 20; count += 1) await place(`order-${count}`);
      const transactions = log.transactions();
      expect(transactions).toHaveLength(20);
      for (const statements of transactions) {
        expect(statements.map((sql) => sql.split(' ')[0])).toEqual(['START', 'INSERT', 'INSERT', 'COMMIT']);
      }
      expect(log.statements).toHaveLength(4 * 20);
    });
  },
  ['postgres'],
);
