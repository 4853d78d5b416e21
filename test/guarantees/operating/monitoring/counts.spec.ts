import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { SteppingOperations, UnrecoverableStepError, type StepNumbers } from '../../../../lib/index.js';
import { SqlFleetStore } from '../../../../lib/store/fleet/sql.fleet-store.js';
import { TestApplication } from '../../../support/application.js';
import { describeBackends, type Backend } from '../../../support/database.js';
import { Databases } from '../../../support/placements.js';
import { ReserveStock, SendEmail } from '../../../support/steps.js';
import { waitFor } from '../../../support/wait-for.js';

/** Seldom: what is not written by then is written at the shutdown. */
const SELDOM = { heartbeat: '1h', flush: '1h' } as const;
const OFTEN = { heartbeat: 250, flush: 100 } as const;
/** Each job is two attempts, and some fail first. */
const JOBS: Readonly<Record<Backend, number>> = { postgres: 1500, mariadb: 600, sqlite: 600 };
const PROCESSES = 3;

let databases: Databases;
const apps: TestApplication[] = [];

async function start(monitoring: NonNullable<Parameters<typeof TestApplication.start>[1]>['selfTm']) {
  const app = await TestApplication.start(databases, { selfTm: monitoring });
  apps.push(app);
  return app;
}

describeBackends('the counts of attempts', (backend) => {
  beforeEach(async () => {
    databases = await Databases.create(backend, 'one');
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    for (const app of apps.splice(0)) await app.close();
    await databases.drop();
  });

  const numbersOf = async (app: TestApplication): Promise<Map<string, StepNumbers>> =>
    new Map((await app.context.get(SteppingOperations).steps()).map((numbers) => [numbers.step, numbers]));

  it(`are those that ${PROCESSES} processes have made, also of those that have stopped`, async () => {
    for (let at = 0; at < PROCESSES; at += 1) await start({ monitoring: SELDOM });
    const truth = { succeeded: 0, failed: 0, gaveUp: 0 };
    const jobs: [TestApplication, string][] = [];
    for (const app of apps) {
      app.recording.onExecute = ({ step, attempt, gid }) => {
        if (step === 'send-email' && gid.endsWith('7')) {
          truth.failed += 1;
          truth.gaveUp += 1;
          throw new UnrecoverableStepError('no');
        }
        if (attempt === 1 && gid.endsWith('3')) {
          truth.failed += 1;
          throw new Error('once');
        }
        truth.succeeded += 1;
      };
    }
    const each = JOBS[backend] / PROCESSES;
    await Promise.all(
      apps.flatMap((app, process) =>
        Array.from({ length: each }, async (_, at) => {
          const gid = `job-${process}-${at}`;
          jobs.push([app, gid]);
          await app.jobs
            .createJob({ gid })
            .addStep(ReserveStock, { orderId: gid })
            .addStep(SendEmail, { orderId: gid })
            .start();
        }),
      ),
    );
    for (const [app, gid] of jobs) await app.ended(gid);
    for (const app of apps.splice(0)) await app.close();

    const reader = await start({ runSteps: false });
    const numbers = await numbersOf(reader);
    const all = [numbers.get('reserve-stock')!, numbers.get('send-email')!];
    const sum = (name: 'succeeded' | 'failed' | 'gaveUp' | 'jobsSucceeded') =>
      all.reduce((total, one) => total + one[name], 0);
    expect({ succeeded: sum('succeeded'), failed: sum('failed'), gaveUp: sum('gaveUp') }).toEqual(truth);
    expect(sum('jobsSucceeded')).toBe(JOBS[backend] - truth.gaveUp);
    expect(truth.succeeded + truth.failed).toBeGreaterThan(2 * JOBS[backend]);
    for (const { run, wait } of all) {
      expect(run.meanMs).toBeGreaterThan(0);
      expect(run.p50Ms).toBeLessThanOrEqual(run.p99Ms!);
      expect(wait.p95Ms).toBeGreaterThan(0);
    }
    const { buckets } = await reader.context.get(SteppingOperations).timeline();
    expect(buckets.reduce((total, { succeeded }) => total + succeeded, 0)).toBe(truth.succeeded);
  });

  it('count once what was written, when the answer was lost', async () => {
    let lost = 0;
    const { write } = SqlFleetStore.prototype;
    vi.spyOn(SqlFleetStore.prototype, 'write').mockImplementation(async function (this: SqlFleetStore, rows) {
      await write.call(this, rows);
      lost += 1;
      if (lost <= 2) throw new Error('the answer is lost');
    });
    const app = await start({ monitoring: OFTEN });
    const first = await app.job().start();
    await app.ended(first.gid);
    await waitFor(() => lost >= 3);
    const second = await app.job().start();
    await app.ended(second.gid);
    await waitFor(async () => (await numbersOf(app)).get('send-email')!.succeeded === 2);
    expect((await numbersOf(app)).get('reserve-stock')).toMatchObject({ succeeded: 2, failed: 0 });
  });

  it('outlive a table that is away: jobs go on, and nothing is lost', async () => {
    const app = await start({ monitoring: OFTEN });
    const { gid: before } = await app.job().start();
    await app.ended(before);
    await waitFor(async () => (await numbersOf(app)).get('send-email')?.succeeded === 1);
    await databases.store.query('ALTER TABLE stepping_stats RENAME TO stepping_away');
    const { gid } = await app.job().start();
    expect((await app.ended(gid)).status).toBe('succeeded');
    await databases.store.query('ALTER TABLE stepping_away RENAME TO stepping_stats');
    await waitFor(async () => (await numbersOf(app)).get('send-email')!.succeeded === 2);
  });

  it('of old minutes become those of hours', async () => {
    const hour = Math.floor(Date.now() / 3_600_000) * 3_600_000 - 4 * 3_600_000;
    const bucket = {
      postgres: `to_timestamp(${hour / 1000})`,
      mariadb: `TIMESTAMPADD(SECOND, ${hour / 1000}, TIMESTAMP'1970-01-01 00:00:00')`,
      sqlite: String(hour),
    }[backend];
    await start({ monitoring: false });
    for (const process of ['a', 'b'])
      await databases.store.query(
        `INSERT INTO stepping_stats (bucket, step, process, succeeded, failed, gave_up, jobs_succeeded, run_ms, wait_ms, run_hist, wait_hist)
         VALUES (${bucket}, 'old', '${process}', 5, 0, 0, 5, 10, 0, '5:5', '0:5')`,
      );
    await start({ monitoring: OFTEN });
    const rows = await waitFor(async () => {
      const found = await databases.store.query<{ process: string; succeeded: unknown }>(
        `SELECT process, succeeded FROM stepping_stats WHERE step = 'old'`,
      );
      return found.length === 1 && found;
    });
    expect(rows).toMatchObject([{ process: '' }]);
    expect(Number(rows[0]!.succeeded)).toBe(10);
  });
});
