import { afterEach, beforeEach, expect, it } from 'vitest';
import { fleetStoreFor } from '../../../../lib/store/databases.js';
import { openStore } from '../../../contract/support.js';
import { TestApplication } from '../../../support/application.js';
import { describeBackends } from '../../../support/database.js';
import { Databases } from '../../../support/placements.js';
import { StatementLog } from '../../../support/statement-log.js';
import { Ping } from '../../../support/steps.js';
import { waitFor } from '../../../support/wait-for.js';

const JOBS = 5000;
const AT_ONCE = 50;
const ALLOWED = 0.02;
/** What one process writes in a minute: six heartbeats, and at most four times the counts of ten steps. */
const BEATS = 6;
const FLUSHES = 4;
const STEPS = 10;
/** The least that a job writes: its row and its end. */
const WAL_OF_A_JOB = 800;
/** Much less than a process can do. */
const JOBS_OF_A_MINUTE = 60 * 100;

type Explained = [{ readonly Plan: Readonly<Record<string, number>> }];

let databases: Databases;
let log: StatementLog | undefined;

describeBackends(
  'what monitoring costs',
  (backend) => {
    beforeEach(async () => {
      databases = await Databases.create(backend, 'one');
    });
    afterEach(async () => {
      log?.close();
      log = undefined;
      await databases.drop();
    });

    /** All statements while jobs run, and those about the tables of monitoring. */
    async function run(monitoring: boolean): Promise<{ all: number; ours: number }> {
      log = new StatementLog();
      const app = await TestApplication.start(databases, { selfTm: { monitoring, recoveryInterval: '1s' } });
      log.clear();
      const chunk = async (): Promise<void> => {
        for (let job = 0; job < JOBS / AT_ONCE; job += 1)
          await app.dataSource.transaction(async () => app.jobs.createJob().addStep(Ping).start());
      };
      await Promise.all(Array.from({ length: AT_ONCE }, chunk));
      await waitFor(() => app.recording.executions.length === JOBS);
      await app.close();
      const counts = { all: log.statements.length, ours: log.count(/stepping_(processes|stats)/) };
      log.close();
      return counts;
    }

    it('is at most one statement in fifty while jobs run, and none when it is off', async () => {
      const off = await run(false);
      expect(off.ours).toBe(0);
      const on = await run(true);
      console.log(
        `${JOBS} jobs: ${off.all} statements without, ${on.all} with it, of which ${on.ours} are its own`,
      );
      // The counts, and the rows of the process.
      expect(on.ours).toBeGreaterThan(1);
      expect(on.ours).toBeLessThan(ALLOWED * off.all);
    });

    it('is at most one byte of the log in fifty', async () => {
      const open = await openStore(databases.store);
      const process = 'abcdefghijkl';
      const fleet = fleetStoreFor(open.dialect, open.connection);
      const report = {
        ...{ id: process, name: 'host:1', host: 'host', pid: 1, version: '0.1.0', state: 'alive' as const },
        ...{ runsSteps: true, startedAgo: 0, recoveredAgo: 10, concurrency: 32, running: 32, waiting: 100 },
        steps: Array.from({ length: STEPS }, (_, at) => `step-${at}`),
        busy: Array.from({ length: 50 }, (_, at) => ({
          gid: `2026-job-${at}-abcdefghijklmnop`,
          step: 'step-1',
          forMs: at,
        })),
      };
      await fleet.announce(report);
      const bucket = Math.floor(Date.now() / 60_000) * 60_000;
      const rows = report.steps.map((step) => ({
        ...{ bucket, step, process, succeeded: 1e6, failed: 10, gaveUp: 1, jobsSucceeded: 1e6 },
        ...{ runMs: 1e6, waitMs: 1e6, runBins: '5:1000,6:1000,7:1000', waitBins: '1:1000,2:1000,3:1000' },
      }));
      await fleet.write(rows);

      const beat = await walOf(open, () => fleet.beat(report));
      const flush = await walOf(open, () => fleet.write(rows));
      await open.close();
      const minute = BEATS * beat + FLUSHES * flush;
      console.log(
        `A heartbeat writes ${beat} bytes of WAL, the counts of ${STEPS} steps ${flush}: ${minute} a minute`,
      );
      expect(beat).toBeGreaterThan(0);
      expect(flush).toBeGreaterThan(0);
      expect(minute).toBeLessThan(ALLOWED * JOBS_OF_A_MINUTE * WAL_OF_A_JOB);
    });

    /** What the statement of `work` writes, by the server's own count; others write at the same time. */
    async function walOf(
      { connection }: Awaited<ReturnType<typeof openStore>>,
      work: () => Promise<unknown>,
    ): Promise<number> {
      const query = connection.query.bind(connection);
      let bytes = 0;
      connection.query = async (sql, params) => {
        // The first change of a page after a checkpoint holds all of it.
        for (let warm = 0; warm < 2; warm += 1) {
          const { rows } = await query(`EXPLAIN (ANALYZE, WAL, FORMAT JSON) ${sql}`, params);
          const [row] = rows as [{ 'QUERY PLAN': string | Explained }];
          const answer = row['QUERY PLAN'];
          const [{ Plan: plan }] = typeof answer === 'string' ? (JSON.parse(answer) as Explained) : answer;
          bytes = plan['WAL Bytes']!;
        }
        return { rows: [], affected: 1 };
      };
      await work();
      connection.query = query;
      return bytes;
    }
  },
  ['postgres'],
);
