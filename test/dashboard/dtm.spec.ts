import {
  DistributedJobs,
  SteppingOperations,
  type JobInfo,
  type JobPage,
  type RecoveryState,
} from 'nestjs-stepping';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { testCodec } from '../support/codec.js';
import { Databases, describeAtDtm, describePlacements } from '../support/placements.js';
import { Console, type ConsoleParts } from './console.js';

describeAtDtm(
  'the page over jobs at DTM',
  (backend, placement) => {
    let databases: Databases;
    let page: Console;
    beforeAll(async () => {
      databases = await Databases.create(backend, placement);
      page = await Console.start(databases);
    });
    afterAll(async () => {
      await page?.close();
      await databases?.drop();
    });

    it('lists, shows, retries and cancels jobs', async () => {
      page.failWith();
      const done = await page.start('charge', { token: 't-1' });
      await page.reached(done, 'succeeded');
      const list = await page.ask('jobs', { status: 'succeeded' });
      expect(list.json.jobs).toMatchObject([{ gid: done, status: 'succeeded' }]);
      const { json } = await page.ask('job', { gid: done, args: 'true' });
      expect(json).toMatchObject({
        job: { steps: [{ name: 'charge', args: { token: '••••••' } }] },
        explanation: null,
        audit: [],
        runningSince: null,
        masked: true,
      });

      page.failWith('not yet');
      const waiting = await page.start('charge', { n: 1 });
      await page.reached(waiting, 'submitted');
      expect((await page.post('retry', { gid: waiting, reason: 'now' })).json).toEqual({ changed: true });
      expect((await page.post('cancel', { gid: waiting, reason: 'enough' })).json).toEqual({ changed: true });
      await page.reached(waiting, 'canceled');
      expect((await page.post('cancel', { gid: waiting })).status).toBe(409);
    });

    it('says what is not possible, in the words of the library', async () => {
      const { jobs, operations } = page;
      const wordsOf = (work: Promise<unknown>) =>
        work.then(
          () => 'possible',
          (error: Error) => error.message,
        );
      const { unavailable, retries } = (await page.ask('session')).json;
      expect(retries).toBe('submitted');
      expect(unavailable).toEqual({
        overview: await wordsOf(operations.overview()),
        timeline: await wordsOf(operations.timeline()),
        steps: await wordsOf(operations.steps()),
        processes: await wordsOf(operations.processes()),
        pause: await wordsOf(operations.pause('charge', { reason: 'x' })),
        audit: await wordsOf(jobs.audit()),
        count: await wordsOf(jobs.count()),
        explain: await wordsOf(jobs.explain('x')),
        skip: await wordsOf(jobs.skip('x', { step: 0, reason: 'x', by: 'ada' })),
        edit: await wordsOf(jobs.retry('x', { args: {} })),
        search: await wordsOf(jobs.list({ args: 'x' })),
        byStep: await wordsOf(jobs.list({ step: 'charge' })),
        bulk: await wordsOf(jobs.retryAll({}, { reason: 'x', by: 'ada' })),
      });
      const overview = await page.ask('overview');
      expect(overview.json).toEqual({ overview: null, health: null, attention: [], steps: [] });
      const gid = 'x';
      const bulk = { filter: {}, reason: 'x', dryRun: true };
      for (const answer of [
        page.ask('timeline'),
        page.ask('steps'),
        page.ask('steps', { range: '7d' }),
        page.ask('processes'),
        page.ask('count'),
        page.ask('count', { args: 'x' }),
        page.ask('audit'),
        page.ask('jobs', { step: 'charge' }),
        page.ask('jobs', { error: 'x' }),
        page.post('skip', { gid, step: 0, reason: 'x' }),
        page.post('retry', { gid, args: {} }),
        page.post('retry-all', bulk),
        page.post('cancel-all', { ...bulk, filter: { error: 'x' } }),
        page.post('pause', { step: 'charge', reason: 'x' }),
        page.post('resume', { step: 'charge' }),
      ]) {
        const { status, json } = await answer;
        expect([status, json.code]).toEqual([501, 'STEPPING_DTM_UNSUPPORTED']);
      }
    });
  },
  ['postgres'],
);

/** As much as a manager must have. */
class PlainJobs extends DistributedJobs {
  async find(): Promise<JobInfo | null> {
    return null;
  }
  async list(): Promise<JobPage> {
    return { jobs: [] };
  }
  async retry(_gid: string): Promise<void> {}
  async cancel(_gid: string): Promise<void> {}
  recovery(): RecoveryState {
    return { lastRunAt: null, error: null };
  }
}

class PlainOperations extends SteppingOperations {}

describePlacements(
  'what managers cannot do',
  (backend, placement) => {
    const unavailable = async (parts: ConsoleParts) => {
      const databases = await Databases.create(backend, placement);
      const page = await Console.start(databases, parts);
      try {
        const { json } = await page.ask('session');
        return { reasons: json.unavailable as Record<string, string>, overview: await page.ask('overview') };
      } finally {
        await page.close();
        await databases.drop();
      }
    };

    it('nothing, of the built-in one', async () => {
      expect((await unavailable({})).reasons).toEqual({});
    });

    it('nobody looks for texts that a codec keeps', async () => {
      const { reasons } = await unavailable({ module: { codec: testCodec() } });
      expect(Object.keys(reasons)).toEqual(['search']);
      expect(reasons.search).toContain("not possible with a 'codec'");
    });

    it('processes tell nothing without monitoring', async () => {
      const { reasons, overview } = await unavailable({ selfTm: { monitoring: false } });
      expect(Object.keys(reasons).sort()).toEqual(['processes', 'timeline']);
      expect(reasons.timeline).toContain('monitoring: false');
      expect(overview.json.overview).toMatchObject({ processes: null, lastMinute: null });
    });

    it('what a manager of somebody else does not have is told without calling it', async () => {
      const { reasons, overview } = await unavailable({
        customize: (builder) =>
          builder
            .overrideProvider(DistributedJobs)
            .useValue(new PlainJobs())
            .overrideProvider(SteppingOperations)
            .useValue(new PlainOperations()),
      });
      expect(Object.keys(reasons).sort()).toEqual([
        'audit',
        'bulk',
        'count',
        'explain',
        'overview',
        'pause',
        'processes',
        'skip',
        'steps',
        'timeline',
      ]);
      expect(reasons.count).toContain('DistributedJobs.count() is not supported');
      expect(overview.json).toEqual({ overview: null, health: null, attention: [], steps: [] });
    });
  },
  ['sqlite'],
  ['one'],
);
