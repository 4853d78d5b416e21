import { beforeAll, expect, it } from 'vitest';
import { InvalidGidError, InvalidOptionError } from '../../../lib/index.js';
import { suiteApplication } from '../../support/suite-application.js';
import { codecIsOn } from '../../support/codec.js';
import { TestApplication } from '../../support/application.js';
import { Databases } from '../../support/placements.js';
import { Ping, SendEmail } from '../../support/steps.js';
import { describeBackends } from '../../support/database.js';

describeBackends('listing jobs', (backend) => {
  let databases: Databases;
  let app: TestApplication;
  const gids: string[] = [];
  suiteApplication(backend, 'one', (started) => ({ databases, app } = started), {
    selfTm: { recoveryInterval: '1h' },
  });
  beforeAll(async () => {
    for (let index = 0; index < 7; index += 1) {
      const job = app.jobs.createJob({ name: index % 2 ? 'odd' : 'even', gid: `job-${index}`, delay: '1h' });
      gids.unshift(
        (await (index < 3 ? job.addStep(Ping) : job.addStep(SendEmail, { orderId: '1' })).start()).gid,
      );
    }
    await app.admin.cancel('job-6');
  });

  const list = async (...args: Parameters<TestApplication['admin']['list']>) =>
    (await app.admin.list(...args)).jobs.map(({ gid }) => gid);

  it('filters by status, step and name, joined by AND', async () => {
    expect(await list()).toEqual(gids);
    expect(await list({ status: 'canceled' })).toEqual(['job-6']);
    expect(await list({ status: ['canceled', 'submitted'] })).toEqual(gids);
    expect(await list({ step: 'ping' })).toEqual(['job-2', 'job-1', 'job-0']);
    expect(await list({ name: 'odd' })).toEqual(['job-5', 'job-3', 'job-1']);
    expect(await list({ name: 'odd', step: 'ping', status: 'submitted' })).toEqual(['job-1']);
    expect(await list({ name: "x' OR 1=1 --" })).toEqual([]);
    expect(await list({ status: 'failed' })).toEqual([]);
  });

  it('filters by the time of creation', async () => {
    const { createdAt } = (await app.admin.find('job-3'))!;
    const after = new Date(createdAt.getTime() + 3600_000);
    const before = new Date(createdAt.getTime() - 3600_000);
    expect(await list({ createdAfter: before, createdBefore: after })).toEqual(gids);
    expect(await list({ createdAfter: after })).toEqual([]);
    expect(await list({ createdBefore: before })).toEqual([]);
  });

  it('goes on at a cursor, and shows each job once', async () => {
    const pages: string[][] = [];
    let cursor: string | undefined;
    do {
      const page = await app.admin.list({ limit: 3, ...(cursor !== undefined && { cursor }) });
      pages.push(page.jobs.map(({ gid }) => gid));
      cursor = page.cursor;
    } while (cursor !== undefined && pages.length < 10);
    expect(pages).toEqual([gids.slice(0, 3), gids.slice(3, 6), gids.slice(6)]);
    expect((await app.admin.list({ limit: 7 })).cursor).toBeUndefined();
  });

  it('tells arguments only when asked', async () => {
    const steps = async (filter: Parameters<TestApplication['admin']['list']>[0]) =>
      (await app.admin.list({ ...filter, name: 'even', step: 'send-email' })).jobs.map((job) => job.steps[0]);
    const args = { orderId: '1' };
    expect(await steps({ includeArgs: true })).toEqual([
      expect.objectContaining({ name: 'send-email', args }),
      expect.objectContaining({ name: 'send-email', args }),
    ]);
    for (const step of await steps({})) expect(step).not.toHaveProperty('args');
    expect((await app.admin.find('job-4'))!.steps[0]!.args).toEqual(args);
  });

  it('bounds a page in bytes, and goes on at its cursor', async () => {
    // As it is stored: a codec makes a third more of it.
    const large = { orderId: 'x'.repeat(codecIsOn ? 222_000 : 300_000) };
    const other = await TestApplication.start(databases, {
      selfTm: { maxBytes: '4MB', runSteps: false, recoveryInterval: '1h' },
    });
    try {
      for (let index = 0; index < 7; index += 1) {
        const job = other.jobs.createJob({ name: 'large', gid: `large-${index}`, delay: '1h' });
        await job.addStep(SendEmail, large).start();
      }
      const sizes: number[] = [];
      let cursor: string | undefined;
      do {
        const page = await other.admin.list({ name: 'large', limit: 1000, ...(cursor && { cursor }) });
        sizes.push(page.jobs.length);
        cursor = page.cursor;
      } while (cursor);
      expect(sizes).toEqual([3, 3, 1]);
    } finally {
      for (let index = 0; index < 7; index += 1) await other.admin.cancel(`large-${index}`);
      await databases.store.query(`DELETE FROM stepping_jobs WHERE name = 'large'`);
      await other.close();
    }
  });

  it('refuses filters that cannot be', async () => {
    const bad: unknown[] = [
      { limit: 0 },
      { limit: 1001 },
      { limit: 1.5 },
      { limit: '10' },
      { status: 'done' },
      { status: ['submitted', 'done'] },
      { createdAfter: new Date('nonsense') },
      { createdBefore: '2026-01-01' },
      { createdAfter: new Date(-8.64e15) },
      { createdBefore: new Date(8.64e15) },
      { step: 1 },
      { name: {} },
      { stauts: 'failed' },
      { includeArgs: 'yes' },
    ];
    for (const filter of bad)
      await expect(app.admin.list(filter as never), JSON.stringify(filter)).rejects.toThrow(
        InvalidOptionError,
      );
    await expect(app.admin.list({ cursor: 'no gid' })).rejects.toThrow(InvalidGidError);
  });
});
