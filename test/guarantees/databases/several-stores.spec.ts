import type { DataSource } from 'typeorm';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import {
  AmbiguousJobError,
  InvalidGidError,
  InvalidOptionError,
  JobNotFoundError,
  Step,
  UnrecoverableStepError,
  type AuditEntry,
  type JobInfo,
  type JobPage,
  type StepContext,
  type StepHandler,
} from '../../../lib/index.js';
import { connect } from '../../support/application.js';
import { createDatabase, describeBackends, type TestDatabase } from '../../support/database.js';
import { expectRanOnce } from '../../support/fates.js';
import { Effect, Order } from '../../support/order.entity.js';
import { ShardDatabases, ShardedApplication } from '../../support/shards.js';
import { Limited, Ping, WriteEffect } from '../../support/steps.js';
import { waitFor } from '../../support/wait-for.js';

const NAMES = ['shard-a', 'shard-b', 'shard-c', 'shard-d'];
const NOTE = { reason: 'a test', by: 'ada' };

/** Runs once at a time in a process. */
@Step({ name: 'narrow', concurrency: 1 })
class Narrow implements StepHandler {
  running = 0;
  most = 0;
  open: () => void = () => undefined;
  gate = Promise.resolve();
  async execute(): Promise<void> {
    this.running += 1;
    this.most = Math.max(this.most, this.running);
    await this.gate;
    this.running -= 1;
  }
}

describeBackends('a store in each of four databases', (backend) => {
  let databases: ShardDatabases;
  let elsewhere: TestDatabase;
  let beside: DataSource;
  let app: ShardedApplication;
  const failed: JobInfo[] = [];

  beforeAll(async () => {
    databases = await ShardDatabases.create(backend, NAMES);
    elsewhere = await createDatabase(backend);
    beside = await connect(elsewhere, { name: 'elsewhere' });
    app = await ShardedApplication.open(databases, {
      beside,
      providers: [Narrow],
      module: { onJobFailed: (job) => void failed.push(job) },
      selfTm: { concurrency: 8, monitoring: { heartbeat: 100, flush: 100 } },
    });
  });
  afterEach(() => void (app.recording.onExecute = () => undefined));
  afterAll(async () => {
    await app?.close();
    await databases?.drop();
    await elsewhere?.drop();
  });

  it('keeps a job where its transaction is, and nowhere else', async () => {
    for (const name of NAMES) {
      const gid = await app.ping(name);
      await expectRanOnce(app, gid);
      expect(await databases.keeping(gid)).toEqual([name]);
      expect((await app.admin.find(gid))?.dataSource).toBe(name);
    }
  });

  it('tells onJobFailed where a job is kept', async () => {
    app.recording.onExecute = () => {
      throw new UnrecoverableStepError('no');
    };
    const gid = await app.ping('shard-c');
    await waitFor(() => failed.some((job) => job.gid === gid));
    expect(failed.find((job) => job.gid === gid)).toMatchObject({ dataSource: 'shard-c', status: 'failed' });
  });

  it('forgets a job with its transaction', async () => {
    let gid = '';
    const failing = app.of('shard-c').transaction(async () => {
      ({ gid } = await app.jobs.createJob().addStep(Ping).start());
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(await app.admin.find(gid)).toBeNull();
    expect(await databases.keeping(gid)).toEqual([]);
  });

  it('keeps a job without a transaction in the first', async () => {
    const { gid } = await app.jobs.createJob({ transaction: 'none' }).addStep(Ping).start();
    await expectRanOnce(app, gid);
    expect(await databases.keeping(gid)).toEqual(['shard-a']);
  });

  it('prepares a job of a transaction elsewhere in the first', async () => {
    const { gid } = await beside.transaction(() => app.jobs.createJob().addStep(Ping).start());
    await expectRanOnce(app, gid);
    expect(await databases.keeping(gid)).toEqual(['shard-a']);
    const rows = await elsewhere.query(`SELECT gid FROM stepping_barrier WHERE gid = '${gid}'`);
    expect(rows).toHaveLength(1);
  });

  it('takes two jobs of one gid in two databases for two jobs', async () => {
    const gid = `twins-${backend}`;
    const keys: string[] = [];
    app.recording.onExecute = (_: unknown, context: StepContext) => void keys.push(context.idempotencyKey);
    await app.ping('shard-b', { gid });
    await app.ping('shard-c', { gid });
    await waitFor(() => keys.length === 2);
    expect(keys.sort()).toEqual([`shard-b/${gid}:0`, `shard-c/${gid}:0`]);
    for (const ask of [
      () => app.admin.find(gid),
      () => app.admin.retry(gid),
      () => app.admin.cancel(gid),
      () => app.admin.explain(gid),
    ]) {
      const asked = ask();
      await expect(asked).rejects.toBeInstanceOf(AmbiguousJobError);
      await expect(asked).rejects.toMatchObject({ gid, dataSources: ['shard-b', 'shard-c'] });
    }
    // The same job in the same database is one, as ever.
    const again = await app
      .of('shard-b')
      .transaction(() => app.jobs.createJob({ gid }).addStep(Ping).start());
    expect(again.created).toBe(false);
  });

  it('runs both at once, each under a lease of its own', async () => {
    const gid = `blocked-${backend}`;
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    app.recording.onExecute = () => gate;
    await app.ping('shard-a', { gid });
    await waitFor(() => app.recording.of(gid).length === 1);
    await app.ping('shard-d', { gid });
    await waitFor(() => app.recording.of(gid).length === 2);
    release();
    const ended = async () => {
      const jobs = (await pagesOf(100)).flatMap((page) => page.jobs);
      return jobs.filter((job) => job.gid === gid && job.endedAt);
    };
    await waitFor(async () => (await ended()).length === 2);
    expect((await ended()).map(({ status }) => status)).toEqual(['succeeded', 'succeeded']);
  });

  async function pagesOf(limit: number): Promise<JobPage[]> {
    const pages: JobPage[] = [];
    for (let cursor: string | undefined, first = true; first || cursor !== undefined; first = false) {
      const page = await app.admin.list({ limit, ...(cursor !== undefined && { cursor }) });
      pages.push(page);
      cursor = page.cursor;
    }
    return pages;
  }

  it('lists all jobs in one order, on pages that lose and repeat none', async () => {
    for (let count = 0; count < 24; count += 1) await app.ping(NAMES[(count * count) % 4]!);
    for (const name of NAMES) await app.ping(name, { gid: `0-in-all-${backend}` });
    await waitFor(async () => (await app.admin.count({ status: 'submitted' })).count === 0);
    const stored: string[] = [];
    for (const name of NAMES) {
      const rows = await databases.of(name).query<{ gid: string }>('SELECT gid FROM stepping_jobs');
      stored.push(...rows.map(({ gid }) => `${gid} ${name}`));
    }
    for (const limit of [1, 7, 100]) {
      const pages = await pagesOf(limit);
      const jobs = pages.flatMap((page) => page.jobs);
      expect(jobs.map(({ gid, dataSource }) => `${gid} ${dataSource}`).sort()).toEqual(stored.sort());
      const gids = jobs.map(({ gid }) => gid);
      expect(gids).toEqual([...gids].sort().reverse());
      expect(pages.every(({ missing }) => missing === undefined)).toBe(true);
    }
    expect(await app.admin.count()).toEqual({ count: stored.length, more: false });
    expect(await app.admin.count({ limit: 5 })).toEqual({ count: 5, more: true });
  });

  it('knows no job that none of them has, and refuses a store that is none', async () => {
    expect(await app.admin.find('nobody')).toBeNull();
    await expect(app.admin.retry('nobody')).rejects.toBeInstanceOf(JobNotFoundError);
    await expect(app.admin.find('no gid')).rejects.toBeInstanceOf(InvalidGidError);
    await expect(app.admin.list({ limit: 0 })).rejects.toBeInstanceOf(InvalidOptionError);
    await expect(ShardedApplication.open(databases, { stores: [...NAMES, 'shard-e'] })).rejects.toMatchObject(
      { name: 'DataSourceNotFoundError', dataSource: 'shard-e' },
    );
  });

  it('retries, skips and cancels a job wherever it is', async () => {
    let fails = true;
    app.recording.onExecute = ({ step }: { step: string }) => {
      if (step === 'limited' && fails) throw new Error('no');
    };
    const start = (name: string) =>
      app.of(name).transaction(() => app.jobs.createJob().addStep(Limited).start());
    const [retried, skipped, canceled] = await Promise.all(['shard-b', 'shard-c', 'shard-d'].map(start));
    for (const { gid } of [retried!, skipped!, canceled!])
      expect((await app.ended(gid)).status).toBe('failed');
    fails = false;
    await app.admin.retry(retried!.gid, NOTE);
    await app.admin.skip(skipped!.gid, { step: 0, ...NOTE });
    await app.admin.cancel(canceled!.gid, NOTE);
    await waitFor(async () => (await app.admin.find(retried!.gid))?.status === 'succeeded');
    expect((await app.admin.find(skipped!.gid))?.status).toBe('succeeded');
    expect((await app.admin.find(canceled!.gid))?.status).toBe('canceled');
    expect((await app.admin.explain(canceled!.gid)).reasons[0]!.code).toBe('ENDED');
    // The audit of all stores, page by page.
    const entries: AuditEntry[] = [];
    for (let cursor: string | undefined, first = true; first || cursor !== undefined; first = false) {
      const page = await app.admin.audit({ limit: 2, ...(cursor !== undefined && { cursor }) });
      entries.push(...page.entries);
      cursor = page.cursor;
    }
    const ours = entries.filter(({ gid }) => [retried, skipped, canceled].some((job) => job!.gid === gid));
    expect(ours.map(({ action }) => action).sort()).toEqual(['cancel', 'retry', 'skip']);
    await expect(app.admin.audit({ cursor: 'x' })).rejects.toMatchObject({ option: 'filter.cursor' });
  });

  it('retries and cancels many jobs in all stores, up to the limit', async () => {
    const name = `bulk-${backend}`;
    app.recording.onExecute = ({ step }: { step: string }) => {
      if (step === 'limited') throw new Error('no');
    };
    const gids: string[] = [];
    for (const shard of [...NAMES, ...NAMES]) {
      const started = await app
        .of(shard)
        .transaction(() => app.jobs.createJob({ name }).addStep(Limited).start());
      gids.push(started.gid);
    }
    for (const gid of gids) await app.ended(gid);
    const filter = { name, status: 'failed' as const };
    expect(await app.admin.retryAll(filter, { ...NOTE, dryRun: true })).toEqual({
      matched: 8,
      changed: 0,
      more: false,
    });
    expect(await app.admin.cancelAll(filter, { ...NOTE, limit: 3 })).toEqual({
      matched: 3,
      changed: 3,
      more: true,
    });
    app.recording.onExecute = () => undefined;
    expect(await app.admin.retryAll(filter, NOTE)).toEqual({ matched: 5, changed: 5, more: false });
    const statuses = async () => Promise.all(gids.map(async (gid) => (await app.admin.find(gid))!.status));
    await waitFor(async () => !(await statuses()).includes('submitted'));
    expect((await statuses()).sort()).toEqual([
      ...Array.from({ length: 3 }, () => 'canceled'),
      ...Array.from({ length: 5 }, () => 'succeeded'),
    ]);
  });

  it('runs as many attempts in one process as with one store', async () => {
    let running = 0;
    let most = 0;
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    app.recording.onExecute = async () => {
      running += 1;
      most = Math.max(most, running);
      await gate;
      running -= 1;
    };
    const gids: string[] = [];
    for (let count = 0; count < 24; count += 1) gids.push(await app.ping(NAMES[count % 4]!));
    const step = app.context.get(Narrow);
    let open = (): void => undefined;
    step.gate = new Promise((resolve) => (open = resolve));
    const narrow: string[] = [];
    for (const name of NAMES) {
      const job = await app.of(name).transaction(() => app.jobs.createJob().addStep(Narrow).start());
      narrow.push(job.gid);
    }
    // 7 of 8 slots is the share of one step of several.
    await waitFor(() => running === 7 && step.running === 1);
    release();
    open();
    for (const gid of [...gids, ...narrow]) expect((await app.ended(gid)).status).toBe('succeeded');
    expect(most).toBe(7);
    expect(step.most).toBe(1);
  });

  it('pauses a step in all stores, and resumes it', async () => {
    await app.operations.pause('ping', NOTE);
    const gids: string[] = [];
    for (const name of NAMES) gids.push(await app.ping(name));
    const due = async () => (await app.operations.overview()).due.count;
    await waitFor(async () => (await due()) === 4);
    expect(Object.keys((await app.operations.overview()).paused)).toEqual(['ping']);
    for (const gid of gids) expect(app.recording.of(gid)).toEqual([]);
    expect((await app.admin.explain(gids[3]!)).reasons[0]!.code).toBe('PAUSED');
    expect(await app.operations.resume('ping', NOTE)).toBe(true);
    expect(await app.operations.resume('ping', NOTE)).toBe(false);
    for (const gid of gids) await expectRanOnce(app, gid);
  });

  it('runs a transactional step in the database that keeps its job', async () => {
    const before = await app.of('shard-c').getRepository(Effect).count();
    const { gid } = await app
      .of('shard-c')
      .transaction(() => app.jobs.createJob().addStep(WriteEffect, { orderId: 'o' }).start());
    await expectRanOnce(app, gid, ['write-effect']);
    expect(await app.of('shard-c').getRepository(Effect).count()).toBe(before + 1);
  });

  it('shows one process, and the numbers of all stores', async () => {
    const before = (await app.operations.steps()).find(({ step }) => step === 'ping')!.succeeded;
    for (const name of NAMES) await app.ping(name);
    const counted = async () => (await app.operations.steps()).find(({ step }) => step === 'ping')!;
    await waitFor(async () => (await counted()).succeeded >= before + 4);
    const processes = await app.operations.processes();
    expect(processes.map(({ state }) => state)).toEqual(['alive']);
    expect(await app.operations.health()).toEqual({ status: 'up', problems: [] });
    expect(await app.operations.prometheus()).toMatch(/stepping_processes 1\n/);
    expect((await app.operations.timeline()).buckets.length).toBeGreaterThan(0);
    expect(app.admin.recovery().error).toBeNull();
    expect(await app.of('shard-a').getRepository(Order).count()).toBeGreaterThan(0);
  });
});
