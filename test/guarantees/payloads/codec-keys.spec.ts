import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import {
  aesGcmCodec,
  PayloadCorruptError,
  PayloadKeyUnknownError,
  type PayloadCodec,
  type SelfTmOptions,
} from '../../../lib/index.js';
import { TestApplication } from '../../support/application.js';
import { testCodec, testKey } from '../../support/codec.js';
import { fence } from '../../support/fates.js';
import { Databases, describeManagers, describePlacements, isAtDtm } from '../../support/placements.js';
import { Limited, Ping, SendEmail } from '../../support/steps.js';
import { makeDue, storedJob } from '../../support/stored-job.js';
import { waitFor } from '../../support/wait-for.js';

describeManagers('keys of stored jobs', (backend, placement) => {
  const atDtm = isAtDtm(placement);
  let databases: Databases;
  const apps: TestApplication[] = [];
  const start = async (
    codec: PayloadCodec | undefined,
    selfTm: SelfTmOptions = {},
  ): Promise<TestApplication> => {
    const app = await TestApplication.start(databases, { module: { codec }, selfTm });
    apps.push(app);
    return app;
  };
  const close = async (app: TestApplication): Promise<void> => {
    apps.splice(apps.indexOf(app), 1);
    await app.close();
  };

  beforeEach(async () => {
    databases = await Databases.create(backend, placement);
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    for (const app of apps.splice(0)) await app.close();
    await databases.drop();
  });
  const email = (app: TestApplication, gid: string, delay = 0) =>
    app.jobs.createJob({ gid, transaction: 'none', delay }).addStep(SendEmail, { orderId: 'secret' }).start();

  it('go on decoding when another one is current, and plain ones are read beside them', async () => {
    const plain = await start(undefined, { runSteps: false });
    await email(plain, 'plain', 4000);
    await plain.jobs
      .createJob({ gid: 'lookalike', transaction: 'none', delay: 4000 })
      .addStep(SendEmail, { 'stepping:encoded': 'k1:abc' } as never)
      .start();
    await close(plain);
    const old = await start(testCodec('k1'), { runSteps: false });
    await email(old, 'old', 4000);
    await close(old);

    const app = await start(testCodec('k2', 'k1'));
    for (const gid of ['plain', 'old', 'lookalike']) expect((await app.ended(gid)).status).toBe('succeeded');
    expect(app.recording.of('old')[0]!.args).toEqual({ orderId: 'secret' });
    expect(app.recording.of('plain')[0]!.args).toEqual({ orderId: 'secret' });
    expect(app.recording.of('lookalike')[0]!.args).toEqual({ 'stepping:encoded': 'k1:abc' });
    // A start that is repeated under another key, or now encoded, is the same job.
    for (const gid of ['plain', 'old']) await email(app, gid);
    const { jobs } = await app.admin.list({ includeArgs: true });
    for (const gid of ['plain', 'old']) {
      expect(jobs.find((job) => job.gid === gid)!.steps[0]!.args).toEqual({ orderId: 'secret' });
    }
    expect(app.recording.trace('old')).toEqual(['send-email#1']);
  });

  it('that cannot be loaded stop the start of the application', async () => {
    const codec = aesGcmCodec({ keys: () => Promise.reject(new Error('vault is sealed')), current: 'k1' });
    await expect(start(codec)).rejects.toBeInstanceOf(PayloadKeyUnknownError);
  });

  it('that are unknown are told by find() and list(), and fail nothing else', async () => {
    const old = await start(testCodec('k1'), { runSteps: false });
    await email(old, 'old', 3600_000);
    await close(old);
    for (const codec of [testCodec('k2'), undefined]) {
      const app = await start(codec, { runSteps: false });
      const gid = codec ? 'new' : 'newer';
      await email(app, gid, 3600_000);
      const found = (await app.admin.find('old'))!;
      expect(found.steps).toMatchObject([{ name: 'send-email', argsError: 'KEY_UNKNOWN' }]);
      expect(found.steps[0]).not.toHaveProperty('args');
      const { jobs } = await app.admin.list({ includeArgs: true });
      expect(jobs.find((job) => job.gid === 'old')!.steps[0]).toMatchObject({ argsError: 'KEY_UNKNOWN' });
      expect(jobs.find((job) => job.gid === gid)!.steps[0]).toMatchObject({ args: { orderId: 'secret' } });
      const [short] = (await app.admin.list()).jobs.filter((job) => job.gid === 'old');
      expect(short!.steps[0]).not.toHaveProperty('argsError');
      await expect(email(app, 'old')).rejects.toBeInstanceOf(PayloadKeyUnknownError);
      await close(app);
    }
  });

  if (atDtm) return;

  it('that are unknown keep the job for a process that has them, without counting or hurry', async () => {
    const error = vi.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
    const starter = await start(testCodec('k1'), { runSteps: false });
    for (const gid of ['one', 'two']) await email(starter, gid);
    const without = await start(testCodec('k2'));
    const unread = await waitFor(async () => {
      const jobs = await Promise.all(['one', 'two'].map((gid) => without.admin.find(gid)));
      return jobs.every((job) => job?.error) && jobs;
    });
    for (const job of unread) {
      expect(job).toMatchObject({ status: 'submitted', steps: [{ status: 'waiting', attempts: 0 }] });
      expect(job!.error).toContain("The key 'k1' of an encoded text is unknown");
      // In ten seconds, less what this took.
      expect(job!.dueAt!.getTime() - job!.createdAt.getTime()).toBeGreaterThan(9_000);
    }
    await fence(without);
    expect(without.recording.of('one')).toEqual([]);
    // Once for a key, however many jobs have it.
    const told = error.mock.calls.map(([line]) => String(line)).filter((line) => line.includes("'k1'"));
    expect(told).toHaveLength(1);
    expect(told[0]).toContain('kept');

    const other = await start(testCodec('k2', 'k1'));
    for (const gid of ['one', 'two']) {
      await waitFor(async () => {
        // The process without the key may be the first to look, and then gives it back again.
        await makeDue(databases, gid);
        return (await other.admin.find(gid))?.endedAt;
      });
      expect(await other.admin.find(gid)).toMatchObject({ status: 'succeeded', error: null });
      expect(other.recording.trace(gid)).toEqual(['send-email#1']);
    }
  });

  it('are asked for when a job needs one, and never for a start in a transaction', async () => {
    const known: Record<string, Buffer> = { k2: testKey('k2') };
    const keys = vi.fn(async () => ({ ...known }));
    const starter = await start(testCodec('k1'), { runSteps: false });
    await email(starter, 'rotated', 4000);
    const app = await start(aesGcmCodec({ keys, current: 'k2' }));
    expect(keys).toHaveBeenCalledTimes(1);
    const repeated = app.dataSource.transaction(() =>
      app.jobs.createJob({ gid: 'rotated' }).addStep(SendEmail, { orderId: 'secret' }).start(),
    );
    await expect(repeated).rejects.toThrow('while a transaction is open');
    await app.dataSource.transaction(async () => {
      expect((await app.admin.find('rotated'))!.steps[0]!.argsError).toBe('KEY_UNKNOWN');
    });
    expect(keys).toHaveBeenCalledTimes(1);
    known.k1 = testKey('k1');
    expect((await app.ended('rotated')).steps[0]!.args).toEqual({ orderId: 'secret' });
    expect(keys.mock.calls.length).toBeGreaterThan(1);
    // Now it is known.
    await app.dataSource.transaction(() =>
      app.jobs.createJob({ gid: 'rotated' }).addStep(SendEmail, { orderId: 'secret' }).start(),
    );
  });
});

describePlacements(
  'an encoded text that is damaged',
  (backend, placement) => {
    let databases: Databases;
    let app: TestApplication;

    beforeEach(async () => {
      databases = await Databases.create(backend, placement);
      app = await TestApplication.start(databases, { module: { codec: testCodec() } });
    });
    afterEach(async () => {
      vi.restoreAllMocks();
      await app?.close();
      await databases?.drop();
    });
    const start = (gid: string, orderId = 'secret') =>
      app.jobs
        .createJob({ gid, transaction: 'none', delay: 3600_000 })
        .addStep(SendEmail, { orderId })
        .addStep(Ping)
        .start();
    const steps = async (gid: string): Promise<string> =>
      (
        await databases.store.query<{ steps: string }>(`SELECT steps FROM stepping_jobs WHERE gid = '${gid}'`)
      )[0]!.steps;
    const write = (gid: string, text: string) =>
      databases.store.query(`UPDATE stepping_jobs SET steps = '${text}' WHERE gid = '${gid}'`);

    it.each<[string, (text: string, other: string) => string]>([
      [
        'in a character',
        (text) =>
          text.replace(/(k1:.{30})(.)/, (_, head: string, at: string) => head + (at === 'A' ? 'B' : 'A')),
      ],
      ['by a cut', (text) => text.replace(/(k1:.{30})[^"]*/, '$1')],
      ['by the text of another job', (_, other) => other],
      ['in its form', (text) => text.replace(/"k1:[^"]*"/, '5')],
      ['by what is no encoding', (text) => text.replace(/"k1:[^"]*"/, '""')],
    ])('%s is kept, told, and fails alone', async (_, damage) => {
      const error = vi.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
      await start('damaged');
      await start('other', 'of another');
      await write('damaged', damage(await steps('damaged'), await steps('other')));
      await makeDue(databases, 'damaged', 5);
      await waitFor(async () => (await storedJob(databases, 'damaged'))?.error != null);
      const stored = (await storedJob(databases, 'damaged'))!;
      expect(stored).toMatchObject({ status: 'submitted', attempts: 0, owner: null });
      expect(stored.error).toContain('PayloadCorruptError');
      expect(
        error.mock.calls.map(([line]) => String(line)).filter((line) => line.includes('damaged')),
      ).toHaveLength(1);

      const { jobs } = await app.admin.list({ includeArgs: true });
      const [damaged, other] = ['damaged', 'other'].map((gid) => jobs.find((job) => job.gid === gid)!);
      expect(damaged!.steps).toMatchObject([{ argsError: 'CORRUPT' }, { name: 'ping' }]);
      expect(other!.steps[0]).toMatchObject({ args: { orderId: 'of another' } });
      await expect(start('damaged')).rejects.toBeInstanceOf(PayloadCorruptError);
      expect(app.recording.of('damaged')).toEqual([]);
      await app.admin.cancel('damaged');
      expect((await app.admin.find('damaged'))?.status).toBe('canceled');
    });

    it('of an error hides nothing but that text', async () => {
      app.recording.onExecute = () => {
        throw new Error('down');
      };
      const failing = await app.jobs.createJob({ transaction: 'none' }).addStep(Limited).start();
      await app.ended(failing.gid);
      await databases.store.query(
        `UPDATE stepping_jobs SET error = REPLACE(error, 'k1:', 'k1:AAAA') WHERE gid = '${failing.gid}'`,
      );
      const found = (await app.admin.find(failing.gid))!;
      expect(found).toMatchObject({ status: 'failed', steps: [{ name: 'limited', status: 'failed' }] });
      expect(found.error).toContain('The text of the error cannot be shown: PayloadCorruptError');
    });
  },
  undefined,
  ['one'],
);
