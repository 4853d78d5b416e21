import { afterEach, beforeAll, expect, it } from 'vitest';
import {
  InvalidGidError,
  InvalidOptionError,
  JobNotFoundError,
  JobStateError,
  SteppingOperations,
} from '../../../lib/index.js';
import { DtmUnsupportedError } from '../../../lib/tm/dtm/index.js';
import { suiteApplication } from '../../support/suite-application.js';
import { TestApplication } from '../../support/application.js';
import { describeAtDtm } from '../../support/placements.js';
import { fence } from '../../support/fates.js';
import { Ping, ReserveStock, SendEmail } from '../../support/steps.js';
import { waitFor } from '../../support/wait-for.js';

describeAtDtm(
  'repairing jobs at DTM',
  (backend, placement) => {
    let app: TestApplication;
    suiteApplication(backend, placement, (started) => ({ app } = started), {
      dtm: { queryPreparedAfter: '1m' },
    });
    afterEach(() => {
      app.recording.onExecute = () => undefined;
    });

    it('cancel() stops before the next step and leaves the one that runs alone', async () => {
      let release!: () => void;
      const held = new Promise<void>((resolve) => (release = resolve));
      let signal: AbortSignal | undefined;
      app.recording.onExecute = async ({ step }, context) => {
        if (step !== 'reserve-stock') return;
        signal = context.signal;
        await held;
      };
      const job = app.jobs
        .createJob()
        .addStep(ReserveStock, { orderId: '1' })
        .addStep(SendEmail, { orderId: '1' });
      const { gid } = await job.start();
      await waitFor(() => signal);
      await app.admin.cancel(gid);
      expect(await app.admin.find(gid)).toMatchObject({
        status: 'canceled',
        dueAt: null,
        endedAt: expect.any(Date),
      });
      expect(signal!.aborted).toBe(false);
      release();
      await fence(app);
      expect(app.recording.trace(gid)).toEqual(['reserve-stock#1']);
      expect((await app.admin.find(gid))!.status).toBe('canceled');
    });

    it('no step can be paused', async () => {
      const operations = app.context.get(SteppingOperations);
      await expect(operations.pause('ping', { reason: 'no' })).rejects.toThrow(DtmUnsupportedError);
      await expect(operations.resume('ping')).rejects.toThrow(DtmUnsupportedError);
    });

    it('a job that waits is canceled before it runs', async () => {
      const { gid } = await app.jobs.createJob({ delay: '1s' }).addStep(Ping).start();
      await app.admin.cancel(gid);
      const later = await app.jobs.createJob({ delay: '1s' }).addStep(Ping).start();
      await app.ended(later.gid);
      expect(app.recording.of(gid)).toEqual([]);
      expect((await app.admin.find(gid))!.status).toBe('canceled');
    });

    it('only what has not ended can be repaired, and what has a gid', async () => {
      const { gid } = await app.jobs.createJob().addStep(Ping).start();
      await app.ended(gid);
      for (const action of ['retry', 'cancel'] as const) {
        await expect(app.admin[action](gid)).rejects.toMatchObject({
          constructor: JobStateError,
          status: 'succeeded',
          action,
        });
        await expect(app.admin[action]('nobody')).rejects.toThrow(JobNotFoundError);
        await expect(app.admin[action]("'; DROP")).rejects.toThrow(InvalidGidError);
      }
      expect(await app.admin.find('nobody')).toBeNull();
      await expect(app.admin.find(undefined as never)).rejects.toThrow(InvalidGidError);
    });

    it('a job whose transaction is open is prepared, and can be neither retried nor canceled', async () => {
      const { gid } = await app.dataSource.transaction(async () => {
        const job = await app.jobs.createJob().addStep(Ping).start();
        expect(await app.admin.find(job.gid)).toMatchObject({
          status: 'prepared',
          steps: [{ status: 'pending', attempts: 0 }],
        });
        for (const action of ['retry', 'cancel'] as const) {
          await expect(app.admin[action](job.gid)).rejects.toMatchObject({
            constructor: JobStateError,
            status: 'prepared',
          });
        }
        return job;
      });
      expect((await app.ended(gid)).status).toBe('succeeded');
    });

    it('find() tells what DTM knows of a job', async () => {
      let release!: () => void;
      const held = new Promise<void>((resolve) => (release = resolve));
      app.recording.onExecute = ({ step }) => (step === 'send-email' ? held : undefined);
      const started = Date.now();
      const { gid } = await app.jobs
        .createJob({ name: 'an order', gid: `Order.${placement}:1` })
        .addStep(ReserveStock, { orderId: '1' })
        .addStep(SendEmail, { orderId: '2' })
        .addStep(Ping)
        .start();
      await waitFor(() => app.recording.of(gid).length === 2);
      const running = (await app.admin.find(gid))!;
      expect(running).toMatchObject({
        gid,
        name: 'an order',
        status: 'submitted',
        error: null,
        endedAt: null,
      });
      // That a step runs is not known there: it waits.
      expect(running.steps).toEqual([
        { index: 0, name: 'reserve-stock', status: 'succeeded', args: { orderId: '1' }, attempts: 1 },
        { index: 1, name: 'send-email', status: 'waiting', args: { orderId: '2' }, attempts: 0 },
        { index: 2, name: 'ping', status: 'pending', args: null, attempts: 0 },
      ]);
      expect(Math.abs(running.createdAt.getTime() - started)).toBeLessThan(5000);
      expect(running.dueAt).toBeInstanceOf(Date);
      release();
      const ended = await app.ended(gid);
      expect(ended).toMatchObject({ status: 'succeeded', dueAt: null });
      expect(ended.steps.map(({ status, attempts }) => [status, attempts])).toEqual([
        ['succeeded', 1],
        ['succeeded', 1],
        ['succeeded', 1],
      ]);
    });
  },
  ['postgres'],
);

describeAtDtm(
  'listing jobs at DTM',
  (backend, placement) => {
    let app: TestApplication;
    const gids = Array.from({ length: 7 }, (_, index) => `job-${index}`);
    suiteApplication(backend, placement, (started) => ({ app } = started));
    beforeAll(async () => {
      for (const [index, gid] of gids.entries()) {
        const job = app.jobs.createJob({ name: index % 2 ? 'odd' : 'even', gid, delay: '1h' });
        await job.addStep(Ping).start();
      }
      await app.admin.cancel('job-6');
    });

    // In which order is left to the store of DTM.
    const list = async (...args: Parameters<TestApplication['admin']['list']>) =>
      (await app.admin.list(...args)).jobs.map(({ gid }) => gid).sort();

    it('filters by status and name, joined by AND, and refuses a filter by step', async () => {
      expect(await list()).toEqual(gids);
      expect(await list({ status: 'canceled' })).toEqual(['job-6']);
      expect(await list({ status: ['canceled', 'submitted'] })).toEqual(gids);
      expect(await list({ status: ['rolledBack', 'failed'] })).toEqual([]);
      expect(await list({ name: 'odd' })).toEqual(['job-1', 'job-3', 'job-5']);
      expect(await list({ name: 'even', status: 'submitted' })).toEqual(['job-0', 'job-2', 'job-4']);
      await expect(app.admin.list({ step: 'ping' })).rejects.toBeInstanceOf(DtmUnsupportedError);
      await expect(app.admin.list({ limit: 0 })).rejects.toBeInstanceOf(InvalidOptionError);
    });

    it('refuses what DTM cannot do, and says what to do instead', async () => {
      const note = { reason: 'why', by: 'who' };
      for (const refused of [
        () => app.admin.list({ failing: true }),
        () => app.admin.list({ args: 'x' }),
        () => app.admin.count(),
        () => app.admin.retry('job-0', { args: {} }),
        () => app.admin.skip('job-0', { step: 0, ...note }),
        () => app.admin.retryAll({}, note),
        () => app.admin.cancelAll({}, note),
        () => app.admin.audit(),
      ])
        await expect(refused()).rejects.toBeInstanceOf(DtmUnsupportedError);
      await expect(app.admin.retry('job-0', { who: 'me' } as never)).rejects.toBeInstanceOf(
        InvalidOptionError,
      );
      expect((await app.admin.find('job-0'))!.status).toBe('submitted');
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
      const seen: string[] = [];
      let pages = 0;
      let cursor: string | undefined;
      do {
        const page = await app.admin.list({ limit: 3, ...(cursor !== undefined && { cursor }) });
        expect(page.jobs.length).toBeLessThanOrEqual(3);
        seen.push(...page.jobs.map(({ gid }) => gid));
        cursor = page.cursor;
        pages += 1;
      } while (cursor !== undefined && pages < 10);
      expect(seen.sort()).toEqual(gids);
    });
  },
  ['postgres'],
);
