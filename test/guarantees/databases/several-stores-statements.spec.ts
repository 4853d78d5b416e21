import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeBackends } from '../../support/database.js';
import { ShardDatabases, ShardedApplication } from '../../support/shards.js';
import { StatementLog } from '../../support/statement-log.js';
import { waitFor } from '../../support/wait-for.js';

const NAMES = ['shard-a', 'shard-b', 'shard-c', 'shard-d'];
/** Of each store, and how many at once. */
const JOBS = 150;
const WORKERS = 8;
/** The statements that see the jobs of a store through, besides those of their transactions: see statements.spec. */
const FURTHER = JOBS / 5;

describeBackends(
  'the statements of jobs in four stores',
  () => {
    let databases: ShardDatabases;
    let app: ShardedApplication;
    let log: StatementLog;

    beforeAll(async () => {
      databases = await ShardDatabases.create('postgres', NAMES);
      app = await ShardedApplication.open(databases, {
        dataSource: () => ({ poolSize: WORKERS }),
        selfTm: { recoveryInterval: '1m', queryPreparedAfter: '10s', monitoring: false },
      });
      log = new StatementLog();
      for (const name of NAMES) await log.ignore(() => databases.of(name).query('SELECT 1'));
    });
    afterAll(async () => {
      log?.close();
      await app?.close();
      await databases?.drop();
    });

    async function succeeded(): Promise<number> {
      let sum = 0;
      for (const name of NAMES) {
        const [row] = await databases
          .of(name)
          .query(`SELECT count(*)::int AS n FROM stepping_jobs WHERE status = 'succeeded'`);
        sum += row!.n as number;
      }
      return sum;
    }

    /** Starts jobs in each of these stores. Returns how many statements there are for each store besides the transactions. */
    async function place(names: readonly string[]): Promise<number> {
      const before = await succeeded();
      const jobs = JOBS * names.length;
      log.clear();
      await Promise.all(
        names.flatMap((name) => {
          let started = 0;
          return Array.from({ length: WORKERS }, async () => {
            while (started < JOBS) {
              started += 1;
              await app.ping(name);
            }
          });
        }),
      );
      await waitFor(async () => (await succeeded()) === before + jobs);
      const transactions = log.transactions();
      expect(transactions).toHaveLength(jobs);
      for (const statements of transactions)
        expect(statements.map((sql) => sql.split(' ')[0])).toEqual(['START', 'INSERT', 'INSERT', 'COMMIT']);
      return (log.statements.length - 4 * jobs) / names.length;
    }

    it('are those of one store: one more in each transaction, and as few to see them through', async () => {
      await place(NAMES);
      const one = await place(['shard-b']);
      const four = await place(NAMES);
      console.log(`${JOBS} jobs a store: ${one} further statements with one store, ${four} for each of four`);
      expect(one).toBeGreaterThan(0);
      expect(one).toBeLessThanOrEqual(FURTHER);
      expect(four).toBeLessThanOrEqual(FURTHER);
    });
  },
  ['postgres'],
);
