import { afterEach, beforeEach, expect, it } from 'vitest';
import {
  InvalidOptionError,
  OnSteppingEvent,
  Step,
  type BulkRetryOptions,
  type StepContext,
  type StepHandler,
} from '../../../lib/index.js';
import { TestApplication } from '../../support/application.js';
import { describeBackends } from '../../support/database.js';
import { insertJobs } from '../../support/many-jobs.js';
import { Databases } from '../../support/placements.js';
import { Recording } from '../../support/recording.js';
import { Ping } from '../../support/steps.js';
import { waitFor } from '../../support/wait-for.js';

const NOTE = { reason: 'the bank is back', by: 'ops@example.org' };

/** What a job that is retried is like. */
const RETRIED = `status = 'submitted' AND attempts = 0 AND error IS NULL AND ended_at IS NULL`;

@Step({ name: 'once', retry: { maxAttempts: 1 } })
class Once implements StepHandler {
  constructor(private readonly recording: Recording) {}
  async execute(_: void, context: StepContext): Promise<void> {
    await this.recording.note('once', undefined, context);
  }
}

class Canceled {
  readonly gids: string[] = [];
  @OnSteppingEvent('job.canceled')
  note({ gid }: { readonly gid: string }): void {
    this.gids.push(gid);
  }
}

describeBackends('steering many jobs', (backend) => {
  let databases: Databases;
  let app: TestApplication;
  beforeEach(async () => {
    databases = await Databases.create(backend, 'one');
    app = await start();
  });
  afterEach(async () => {
    await app.close();
    await databases.drop();
  });

  const start = (runSteps = false) =>
    TestApplication.start(databases, { providers: [Once, Canceled], selfTm: { runSteps } });
  const numberOf = async (condition: string): Promise<number> => {
    const [row] = await databases.store.query<{ n: number | string }>(
      `SELECT COUNT(*) AS n FROM stepping_jobs WHERE ${condition}`,
    );
    return Number(row!.n);
  };
  /** When the jobs are due, in epoch milliseconds. */
  const dueTimes = async (): Promise<number[]> => {
    const epoch = {
      postgres: 'extract(epoch FROM due_at) * 1000',
      mariadb: `TIMESTAMPDIFF(MICROSECOND, TIMESTAMP'1970-01-01 00:00:00', due_at) / 1000`,
      sqlite: 'due_at',
    }[backend];
    const rows = await databases.store.query<{ due: number | string }>(
      `SELECT ${epoch} AS due FROM stepping_jobs WHERE due_at IS NOT NULL ORDER BY gid`,
    );
    return rows.map(({ due }) => Number(due));
  };

  it('retries 30,000 jobs, spread evenly over the time', async () => {
    await insertJobs(databases.store, { prefix: 'job-', count: 30_000, status: 'failed' });
    const options = { ...NOTE, limit: 100_000, spread: '10m' } as const;
    const dry = await app.admin.retryAll({ step: 'ping' }, { ...options, dryRun: true });
    expect(dry).toEqual({ matched: 30_000, changed: 0, more: false });
    expect((await app.admin.audit()).entries).toEqual([]);
    expect(await numberOf(`status = 'failed'`)).toBe(30_000);

    const result = await app.admin.retryAll({ step: 'ping' }, options);
    expect(result).toEqual({ matched: 30_000, changed: 30_000, more: false });
    expect(await numberOf(RETRIED)).toBe(30_000);
    const { entries } = await app.admin.audit();
    expect(entries).toEqual([
      {
        ...NOTE,
        id: expect.any(String),
        at: expect.any(Date),
        action: 'retry',
        gid: null,
        step: 'ping',
        count: 30_000,
        detail: { filter: { step: 'ping', status: ['failed'] }, spreadMs: 600_000 },
      },
    ]);
    // Each 20 ms after the one before; those that were due before they were written are due at once.
    const due = await dueTimes();
    expect(due).toHaveLength(30_000);
    const first = due.at(-1)! - 29_999 * 20;
    const off = due.map((at, index) => at - first - index * 20);
    expect(Math.max(...off.slice(15_000).map(Math.abs))).toBeLessThan(2);
    expect(Math.min(...off)).toBeGreaterThan(-2);
  }, 120_000);

  it('two processes that retry the same jobs at once retry each of them once', async () => {
    await insertJobs(databases.store, { prefix: 'job-', count: 5000, status: 'failed' });
    const other = await start();
    try {
      const retry = ({ admin }: TestApplication) => admin.retryAll({}, { ...NOTE, spread: '10m' });
      const results = await Promise.all([retry(app), retry(other)]);
      const changed = results.map((result) => result.changed);
      expect(changed[0]! + changed[1]!).toBe(5000);
      expect(await numberOf(RETRIED)).toBe(5000);
      const { entries } = await app.admin.audit();
      const counts = new Set(entries.map(({ count }) => count));
      expect(counts).toEqual(new Set(changed.filter((_, at) => results[at]!.matched > 0)));
    } finally {
      await other.close();
    }
  }, 120_000);

  it('starts none of them before its time', async () => {
    await insertJobs(databases.store, { prefix: 'job-', count: 40, status: 'failed' });
    await app.close();
    app = await start(true);
    const begun: [gid: string, at: number][] = [];
    app.recording.onExecute = ({ gid }) => begun.push([gid, Date.now()]);
    expect(await app.admin.retryAll({}, { ...NOTE, spread: 2000 })).toEqual({
      matched: 40,
      changed: 40,
      more: false,
    });
    await waitFor(async () => (await numberOf(`status = 'succeeded'`)) === 40);
    expect(new Set(begun.map(([gid]) => gid)).size).toBe(40);
    expect(begun).toHaveLength(40);
    const since = (await app.admin.audit()).entries[0]!.at.getTime();
    for (const [gid, at] of begun) {
      // The clocks of the server and of this process are those of one machine.
      expect(at - since).toBeGreaterThan((Number(gid.slice(4)) * 2000) / 40 - 100);
    }
  });

  it('leaves alone jobs that fail again meanwhile', async () => {
    await insertJobs(databases.store, { prefix: 'job-', count: 3000, status: 'failed', step: 'once' });
    await app.close();
    app = await start(true);
    app.recording.onExecute = () => {
      throw new Error('down again');
    };
    const options = { ...NOTE, limit: 3000 };
    const results = await Promise.all([app.admin.retryAll({}, options), app.admin.retryAll({}, options)]);
    expect(results[0].changed + results[1].changed).toBe(3000);
    await waitFor(async () => (await numberOf(`status = 'failed' AND attempts = 1`)) === 3000);
    expect(app.recording.executions).toHaveLength(3000);
  }, 120_000);

  it('takes the newest, as list() does, up to the limit, and says that there are more', async () => {
    await insertJobs(databases.store, { prefix: 'job-', count: 5, status: 'failed' });
    await insertJobs(databases.store, { prefix: 'done-', count: 2, status: 'succeeded' });
    expect(await app.admin.retryAll({ name: 'nobody' }, NOTE)).toEqual({
      matched: 0,
      changed: 0,
      more: false,
    });
    expect(await app.admin.retryAll({}, { ...NOTE, limit: 3 })).toEqual({
      matched: 3,
      changed: 3,
      more: true,
    });
    const left = await app.admin.list({ status: 'failed' });
    expect(left.jobs.map(({ gid }) => gid)).toEqual(['job-000001', 'job-000000']);
    expect(await app.admin.retryAll({ name: 'many' }, { ...NOTE, limit: 2 })).toEqual({
      matched: 2,
      changed: 2,
      more: false,
    });
    expect((await app.admin.audit()).entries.map(({ count }) => count)).toEqual([2, 3]);
  });

  it('cancelAll() cancels submitted and failed jobs, and tells of each', async () => {
    await insertJobs(databases.store, { prefix: 'a-', count: 1200, status: 'submitted' });
    await insertJobs(databases.store, { prefix: 'b-', count: 3, status: 'failed', error: 'down' });
    await insertJobs(databases.store, { prefix: 'c-', count: 3, status: 'succeeded' });
    const canceled = await app.admin.cancelAll({ name: 'many' }, NOTE);
    expect(canceled).toEqual({ matched: 1203, changed: 1203, more: false });
    expect(
      await numberOf(`status = 'canceled' AND owner IS NULL AND due_at IS NULL AND ended_at IS NOT NULL`),
    ).toBe(1203);
    expect(await numberOf(`status = 'succeeded'`)).toBe(3);
    await waitFor(() => app.context.get(Canceled).gids.length === 1203);
    expect(new Set(app.context.get(Canceled).gids).size).toBe(1203);
    expect((await app.admin.audit()).entries).toMatchObject([
      { action: 'cancel', ...NOTE, gid: null, count: 1203 },
    ]);
  });

  it('cancelAll() stops a job of this process before its next step', async () => {
    await app.close();
    app = await start(true);
    let release!: () => void;
    const held = new Promise<void>((resolve) => (release = resolve));
    app.recording.onExecute = () => held;
    const { gid } = await app.jobs.createJob({ name: 'held' }).addStep(Ping).addStep(Ping).start();
    await waitFor(() => app.recording.of(gid).length === 1);
    expect(await app.admin.cancelAll({ name: 'held' }, NOTE)).toMatchObject({ changed: 1 });
    release();
    const { gid: next } = await app.jobs.createJob().addStep(Ping).start();
    expect((await app.ended(next)).status).toBe('succeeded');
    expect((await app.admin.find(gid))!.status).toBe('canceled');
    expect(app.recording.of(gid)).toHaveLength(1);
  });

  it('refuses filters and options that cannot be', async () => {
    const retry = (filter: object, options: object = {}) =>
      app.admin.retryAll(filter, { ...NOTE, ...options } as BulkRetryOptions);
    await expect(retry({ status: 'succeeded' })).rejects.toThrow(InvalidOptionError);
    await expect(retry({ status: ['failed', 'submitted'] })).rejects.toThrow("'filter.status'");
    await expect(retry({ limit: 3 })).rejects.toThrow(InvalidOptionError);
    await expect(retry({}, { reason: undefined })).rejects.toThrow("'options.reason'");
    await expect(retry({}, { by: '' })).rejects.toThrow("'options.by'");
    await expect(retry({}, { limit: 100_001 })).rejects.toThrow(InvalidOptionError);
    await expect(retry({}, { spread: -1 })).rejects.toThrow(InvalidOptionError);
    await expect(app.admin.cancelAll({ status: 'prepared' }, NOTE)).rejects.toThrow(InvalidOptionError);
    await expect(app.admin.cancelAll({}, { ...NOTE, spread: 1 } as never)).rejects.toThrow(
      InvalidOptionError,
    );
  });
});
