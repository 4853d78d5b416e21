import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  InvalidOptionError,
  Step,
  UnrecoverableStepError,
  type StepContext,
  type StepHandler,
} from '../../../lib/index.js';
import { TestApplication } from '../../support/application.js';
import { codecIsOn } from '../../support/codec.js';
import { describeBackends, itWhere } from '../../support/database.js';
import { insertJobs } from '../../support/many-jobs.js';
import { Databases } from '../../support/placements.js';
import { Recording } from '../../support/recording.js';
import { Ping, SendEmail } from '../../support/steps.js';
import { waitFor } from '../../support/wait-for.js';

const NOTE = { reason: 'a test', by: 'me' };

/** Fails; waits for an hour, unless it gives up at once. */
@Step({ name: 'failing', retry: { delay: '1h', maxDelay: '1h', jitter: false } })
class Failing implements StepHandler<{ final: boolean }> {
  constructor(private readonly recording: Recording) {}
  async execute(args: { final: boolean }, context: StepContext): Promise<void> {
    await this.recording.note('failing', args, context);
    if (args.final) throw new UnrecoverableStepError('100% „zu“');
    throw new Error('50_% off');
  }
}

describeBackends('looking for jobs', (backend) => {
  let databases: Databases;
  let app: TestApplication;
  beforeAll(async () => {
    databases = await Databases.create(backend, 'one');
    app = await TestApplication.start(databases, {
      providers: [Failing],
      selfTm: { recoveryInterval: '1h' },
    });
    const failing = (gid: string, final: boolean) =>
      app.jobs.createJob({ gid, name: 'job' }).addStep(Failing, { final }).start();
    await failing('waits', false);
    await failing('failed', true);
    await app.jobs.createJob({ gid: 'fine', name: 'job' }).addStep(Ping).start();
    await app.jobs
      .createJob({ gid: 'later', name: 'job', delay: '1h' })
      .addStep(SendEmail, { orderId: 'Größe_1%' })
      .start();
    await waitFor(async () => {
      const { jobs } = await app.admin.list({ name: 'job' });
      const has = (gid: string) => jobs.find((job) => job.gid === gid);
      return has('waits')?.error && has('failed')?.status === 'failed' && has('fine')?.status === 'succeeded';
    });
  });
  afterAll(async () => {
    await app.close();
    await databases.drop();
  });

  const list = async (filter: Parameters<TestApplication['admin']['list']>[0]) =>
    (await app.admin.list(filter)).jobs.map(({ gid }) => gid);

  it('finds those whose step has failed attempts', async () => {
    expect(await list({ failing: true })).toEqual(['waits', 'failed']);
    expect(await list({ failing: true, status: 'failed' })).toEqual(['failed']);
    expect(await list({ failing: true, step: 'ping' })).toEqual([]);
    await expect(list({ failing: false as true })).rejects.toThrow(InvalidOptionError);
  });

  itWhere(!codecIsOn)('finds part of an error, and of arguments, exactly as it is written', async () => {
    expect(await list({ error: '%' })).toEqual(['waits', 'failed']);
    expect(await list({ error: '50_%' })).toEqual(['waits']);
    expect(await list({ error: '„zu“' })).toEqual(['failed']);
    expect(await list({ error: 'OFF' })).toEqual([]);
    expect(await list({ args: '"orderId":"Größe_1%"' })).toEqual(['later']);
    expect(await list({ args: 'größe' })).toEqual([]);
    expect(await list({ args: `'; --` })).toEqual([]);
    expect(await list({ args: '"final":true', status: 'failed' })).toEqual(['failed']);
    for (const filter of [{ error: '' }, { args: 'x'.repeat(1001) }, { args: 'a\0' }])
      await expect(list(filter)).rejects.toThrow(InvalidOptionError);
  });

  itWhere(codecIsOn)(
    'refuses to look for texts that a codec has encoded, and does not repeat them',
    async () => {
      for (const filter of [{ error: 'secret-1' }, { args: 'secret-1' }]) {
        for (const call of [
          app.admin.list(filter),
          app.admin.count(filter),
          app.admin.retryAll(filter, NOTE),
          app.admin.cancelAll(filter, NOTE),
        ]) {
          const error: Error = await call.then(
            () => expect.fail('it was not refused'),
            (refused: Error) => refused,
          );
          expect(error).toBeInstanceOf(InvalidOptionError);
          expect(error.message).toContain("'codec'");
          expect(JSON.stringify(error) + error.message).not.toContain('secret-1');
        }
      }
    },
  );

  it('counts up to a limit', async () => {
    expect(await app.admin.count({ name: 'job' })).toEqual({ count: 4, more: false });
    expect(await app.admin.count({ name: 'job', limit: 4 })).toEqual({ count: 4, more: false });
    expect(await app.admin.count({ name: 'job', limit: 3 })).toEqual({ count: 3, more: true });
    expect(await app.admin.count({ failing: true })).toEqual({ count: 2, more: false });
    expect(await app.admin.count({ name: 'nobody' })).toEqual({ count: 0, more: false });
    await expect(app.admin.count({ limit: 100_001 })).rejects.toThrow(InvalidOptionError);
  });

  /** All pages to the end: what each of them has found. */
  const pages = async (filter: NonNullable<Parameters<TestApplication['admin']['list']>[0]>) => {
    const found: string[][] = [];
    let cursor: string | undefined;
    do {
      const page = await app.admin.list({ ...filter, ...(cursor !== undefined && { cursor }) });
      found.push(page.jobs.map(({ gid }) => gid));
      cursor = page.cursor;
    } while (cursor !== undefined);
    return found;
  };
  const looksAt = backend === 'sqlite' ? 2_500 : 10_000;

  it('looks at a bounded number of jobs at a time, and goes on at the cursor', async () => {
    await insertJobs(databases.store, {
      prefix: 'm-',
      count: 1,
      status: 'failed',
      error: 'needle 1',
      step: 'rare',
    });
    await insertJobs(databases.store, { prefix: 'n-', count: 10_050, status: 'failed', error: 'hay' });
    await insertJobs(databases.store, {
      prefix: 'o-',
      count: 1,
      status: 'failed',
      error: 'needle 2',
      step: 'rare',
    });
    const expected = [['o-000000'], ...Array.from({ length: 10_051 / looksAt - 1 }, () => []), ['m-000000']];
    const texts = codecIsOn ? [] : [{ error: 'needle', name: 'many' }];
    for (const filter of [{ step: 'rare' }, { step: 'rare', createdAfter: new Date(0) }, ...texts]) {
      for (const status of [{}, { status: 'failed' }, { status: ['failed', 'submitted'] }] as const) {
        const shown = JSON.stringify({ ...filter, ...status });
        expect(await pages({ ...filter, ...status }), shown).toEqual(expected);
        expect(await app.admin.count({ ...filter, ...status }), shown).toEqual({ count: 1, more: true });
      }
      const dry = { ...NOTE, dryRun: true };
      for (const act of ['retryAll', 'cancelAll'] as const)
        expect(await app.admin[act](filter, dry)).toEqual({ matched: 2, changed: 0, more: false });
    }
    expect(await app.admin.count({ status: 'failed', limit: 20_000 })).toEqual({
      count: 10_053,
      more: false,
    });
    const most = { ...NOTE, dryRun: true, limit: 10_050 };
    expect(await app.admin.retryAll({ step: 'ping' }, most)).toEqual({
      matched: 10_050,
      changed: 0,
      more: false,
    });
  });

  it('finds jobs that have not ended among many others', async () => {
    expect(await list({ status: 'submitted', name: 'job' })).toEqual(['waits', 'later']);
    expect(await list({ status: ['submitted', 'prepared'], step: 'send-email' })).toEqual(['later']);
    expect(await app.admin.count({ status: 'submitted' })).toEqual({ count: 2, more: false });
    expect(await app.admin.cancelAll({ status: 'submitted' }, { ...NOTE, dryRun: true })).toEqual({
      matched: 2,
      changed: 0,
      more: false,
    });
    // More than are read together: then as any others.
    await insertJobs(databases.store, { prefix: 'x-', count: looksAt + 10, status: 'submitted' });
    expect((await pages({ status: 'submitted', name: 'job' })).flat()).toEqual(['waits', 'later']);
    expect((await pages({ status: 'submitted', limit: 1000 })).flat()).toHaveLength(looksAt + 12);
    expect(await app.admin.count({ status: 'submitted' })).toEqual({ count: looksAt, more: true });
    expect(
      await app.admin.cancelAll({ name: 'job', status: 'submitted' }, { ...NOTE, dryRun: true }),
    ).toEqual({
      matched: 2,
      changed: 0,
      more: false,
    });
  });
});
