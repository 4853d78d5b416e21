import { afterEach, beforeEach, expect, it } from 'vitest';
import type { DataSource } from 'typeorm';
import { Step, type StepContext, type StepHandler } from '../../../lib/index.js';
import { TestApplication } from '../../support/application.js';
import { Databases, describePlacements } from '../../support/placements.js';
import { Recording } from '../../support/recording.js';
import { Ping, ReserveStock, SendEmail } from '../../support/steps.js';
import { startWorker, stepMessages } from '../../support/worker.js';
import { describeBackends } from '../../support/database.js';
import { waitFor } from '../../support/wait-for.js';

/** The step of `test/apps` that is told to kill its process. */
@Step({ name: 'twice', retry: { maxAttempts: 2 } })
class Twice implements StepHandler<object> {
  constructor(private readonly recording: Recording) {}
  async execute(args: object, context: StepContext): Promise<void> {
    await this.recording.note('twice', args, context);
  }
}

const LEASE = { leaseDuration: 1000, recoveryInterval: 100 };

describePlacements('a lease', (backend, placement) => {
  let databases: Databases;
  let one: TestApplication;
  let other: TestApplication;

  beforeEach(async () => {
    databases = await Databases.create(backend, placement);
    one = await TestApplication.start(databases, { selfTm: LEASE });
    other = await TestApplication.start(databases, { selfTm: LEASE });
  });
  afterEach(async () => {
    await Promise.all([one?.close(), other?.close()]);
    await databases?.drop();
  });

  const begin = (app: TestApplication) =>
    app.dataSource.transaction(() =>
      app.jobs
        .createJob()
        .addStep(ReserveStock, { orderId: '1' })
        .addStep(SendEmail, { orderId: '1' })
        .start(),
    );
  const dueAt = async (app: TestApplication, gid: string) => (await app.admin.find(gid))!.dueAt!.getTime();

  it('is renewed while a step runs: one of three times its duration runs once', async () => {
    let ended = false;
    one.recording.onExecute = async ({ gid, index }) => {
      if (index !== 0) return;
      const first = await dueAt(one, gid);
      await waitFor(async () => (await dueAt(one, gid)) >= first + 3 * LEASE.leaseDuration);
      ended = true;
    };
    const { gid } = await begin(one);
    expect(await other.ended(gid)).toMatchObject({
      status: 'succeeded',
      steps: [{ attempts: 1 }, { attempts: 1 }],
    });
    expect(ended).toBe(true);
    expect(one.recording.trace(gid)).toEqual(['reserve-stock#1', 'send-email#1']);
    expect(other.recording.of(gid)).toEqual([]);
  });

  it('is renewed while its job waits in memory for a place', async () => {
    const { gid: blocking } = await one.jobs.createJob({ transaction: 'none' }).addStep(Ping).start();
    await one.ended(blocking);
    const crowded = await TestApplication.start(databases, { selfTm: { ...LEASE, concurrency: 1 } });
    try {
      let waiting = '';
      crowded.recording.onExecute = async ({ step }) => {
        if (step !== 'ping') return;
        await waitFor(() => waiting);
        const first = await dueAt(crowded, waiting);
        await waitFor(async () => (await dueAt(crowded, waiting)) >= first + 2 * LEASE.leaseDuration);
      };
      await crowded.jobs.createJob({ transaction: 'none' }).addStep(Ping).start();
      waiting = (await begin(crowded)).gid;
      expect((await crowded.ended(waiting)).status).toBe('succeeded');
      expect(crowded.recording.trace(waiting)).toEqual(['reserve-stock#1', 'send-email#1']);
    } finally {
      await crowded.close();
    }
  });

  it('that cannot be renewed aborts its step before another process takes the job', async () => {
    const events: string[] = [];
    one.recording.onExecute = (_, { signal }) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => {
          events.push(`aborted: ${(signal.reason as Error).name}`);
          resolve(undefined);
        });
      });
    other.recording.onExecute = ({ step }) => void events.push(`taken over: ${step}`);
    const { gid } = await begin(one);
    await waitFor(() => one.recording.of(gid).length === 1);
    await endConnections(
      databases.placement === 'two' ? one.context.get<DataSource>('source-1') : one.dataSource,
    );

    const job = await other.ended(gid);
    expect(events).toEqual([
      'aborted: LeaseLostError',
      'taken over: reserve-stock',
      'taken over: send-email',
    ]);
    // Nothing was written when the attempt began that ended with its lease.
    expect(job).toMatchObject({ status: 'succeeded', steps: [{ attempts: 1 }, { attempts: 1 }] });
    expect(other.recording.trace(gid)).toEqual(['reserve-stock#1', 'send-email#1']);
  });
});

describeBackends('a step that kills its process', (backend) => {
  it('fails the job when its attempts are used up', async () => {
    const databases = await Databases.create(backend, 'one');
    const failed: unknown[] = [];
    const starter = await TestApplication.start(databases, { selfTm: { ...LEASE, runSteps: false } });
    const gid = 'deadly';
    const victims = ['one', 'other', 'third'].map((name) => startWorker(databases, { name, selfTm: LEASE }));
    let last: TestApplication | undefined;
    try {
      await starter.jobs.createJob({ gid, transaction: 'none' }).addStep('twice', { die: true }).start();
      await Promise.all(victims.map((victim) => victim.exited));
      const begun = victims.flatMap((victim) => stepMessages(victim, gid));
      // The first crash of a job is not counted: nothing had been written.
      expect(begun.map(({ attempt }) => attempt).sort()).toEqual([1, 1, 2]);

      last = await TestApplication.start(databases, {
        selfTm: LEASE,
        providers: [Twice],
        module: { onJobFailed: (job, error) => void failed.push([job.gid, (error as Error).name]) },
      });
      const job = await last.ended(gid);
      expect(job).toMatchObject({ status: 'failed', steps: [{ status: 'failed', attempts: 2 }] });
      expect(job.error).toContain('StepAbandonedError');
      expect(last.recording.of(gid)).toEqual([]);
      await waitFor(() => failed.length > 0);
      expect(failed).toEqual([[gid, 'StepAbandonedError']]);
    } finally {
      await Promise.all([starter.close(), last?.close()]);
      await databases.drop();
    }
  });
});

/** As if the database could not be reached any more from this process. */
async function endConnections(dataSource: DataSource): Promise<void> {
  const driver = dataSource.driver as unknown as {
    master?: { end(): Promise<void> };
    pool?: { end(): void };
    databaseConnection?: { close(): void };
  };
  if (driver.master) await driver.master.end();
  else if (driver.pool) driver.pool.end();
  else driver.databaseConnection!.close();
}
