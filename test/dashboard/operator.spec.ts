import { expect, it, vi } from 'vitest';
import type { Backend } from '../support/database.js';
import type { Databases } from '../support/placements.js';
import { waitFor } from '../support/wait-for.js';
import { describeConsole, type Console } from './console.js';

const MASK = '••••••';

let databases: Databases;
let page: Console;

describeConsole(
  'what the page can do',
  (...scene) => ([page, databases] = scene),
  (backend: Backend) => {
    const auditOf = async (gid: string) => (await page.ask('audit', { gid })).json.entries;

    it('retries, cancels and skips one job, in the name of who asks', async () => {
      const retried = await page.failed('charge', { n: 1 });
      page.failWith();
      expect((await page.post('retry', { gid: retried, reason: 'mended' })).json).toEqual({ changed: true });
      await page.reached(retried, 'succeeded');
      expect(await auditOf(retried)).toMatchObject([{ action: 'retry', by: 'ada', reason: 'mended' }]);

      const canceled = await page.failed('charge', { n: 2 });
      expect((await page.post('cancel', { gid: canceled })).status).toBe(200);
      await page.reached(canceled, 'canceled');
      expect(await auditOf(canceled)).toMatchObject([{ action: 'cancel', by: 'ada' }]);

      const skipped = await page.failed('charge', { n: 3 });
      expect((await page.post('skip', { gid: skipped, step: 1, reason: 'done by hand' })).status).toBe(409);
      expect((await page.post('skip', { gid: skipped, step: 0, reason: 'done by hand' })).status).toBe(200);
      await page.reached(skipped, 'succeeded');
      expect(await auditOf(skipped)).toMatchObject([{ action: 'skip', by: 'ada', reason: 'done by hand' }]);

      expect((await page.post('retry', { gid: skipped })).json.code).toBe('STEPPING_JOB_STATE');
      expect((await page.post('cancel', { gid: 'no-such-job' })).status).toBe(404);
    });

    it('pauses a step, and resumes it', async () => {
      const pause = { step: 'charge', reason: 'the bank is closed', until: '1h' };
      expect((await page.post('pause', pause)).json).toEqual({ changed: true });
      const paused = await waitFor(async () => (await page.ask('overview')).json.overview.paused.charge);
      expect(paused).toMatchObject({ kind: 'pause', reason: 'the bank is closed', by: 'ada' });
      expect((await page.post('resume', { step: 'charge' })).json).toEqual({ changed: true });
      expect((await page.post('resume', { step: 'charge' })).json).toEqual({ changed: false });
      expect((await page.post('pause', { ...pause, until: 'soon' })).json.code).toBe(
        'STEPPING_INVALID_OPTION',
      );
    });

    it('acts on the jobs that a dry run has told of, and on none that came later', async () => {
      page.failWith('out of stock');
      const first = await Promise.all([1, 2, 3].map((n) => page.start('charge', { n }, 'bulk')));
      for (const gid of first) await page.reached(gid, 'failed');
      const request = { filter: { status: 'failed', name: 'bulk' }, reason: 'restocked' };
      const dry = (await page.post('retry-all', { ...request, dryRun: true })).json;
      expect(dry).toEqual({ matched: 3, changed: 0, more: false, before: expect.any(String) });
      const later = await page.start('charge', { n: 4 }, 'bulk');
      await page.reached(later, 'failed');

      page.failWith();
      const { before, matched } = dry;
      const filter = { ...request.filter, before };
      const real = await page.post('retry-all', { ...request, filter, dryRun: false, counted: matched });
      expect(real.json).toEqual({ matched: 3, changed: 3, more: false, before });
      for (const gid of first) await page.reached(gid, 'succeeded');
      expect((await page.jobs.find(later))!.status).toBe('failed');
    });

    it('does nothing where older jobs have come to match since they were counted', async () => {
      page.failWith('out of stock');
      await page.post('pause', { step: 'log-in', reason: 'later' });
      const credentials = { user: 'ada', password: 'x'.repeat(20) };
      const older = await page.start('log-in', credentials, 'grown');
      const counted = await page.start('charge', { n: 1 }, 'grown');
      await page.reached(counted, 'failed');
      for (const more of [{}, { error: 'out of stock' }]) {
        const request = { filter: { status: 'failed', name: 'grown', ...more }, reason: 'restocked' };
        const { before, matched } = (await page.post('cancel-all', { ...request, dryRun: true })).json;
        expect(matched).toBe(1);
        await page.post('resume', { step: 'log-in' });
        await page.reached(older, 'failed');
        const filter = { ...request.filter, before };
        const real = await page.post('cancel-all', { ...request, filter, dryRun: false, counted: 1 });
        expect([real.status, real.json.code]).toEqual([409, 'CHANGED']);
        expect(real.json.message).toContain('2 jobs match by now, not 1.');
        await page.post('pause', { step: 'log-in', reason: 'later' });
        await page.post('retry', { gid: older });
      }
      expect((await page.jobs.find(counted))!.status).toBe('failed');
      await page.post('cancel', { gid: older });
      await page.post('resume', { step: 'log-in' });
    });

    it('leaves a job alone that has changed since it was found', async () => {
      const gid = await page.failed('charge', { n: 1 }, 'changed meanwhile');
      const list = page.jobs.list.bind(page.jobs);
      const found = vi.spyOn(page.jobs, 'list').mockImplementation(async (query) => {
        const answer = await list(query);
        await page.operations.pause('charge', { reason: 'somebody else', by: 'bob' });
        if ((await page.jobs.find(gid))!.status === 'failed') await page.jobs.retry(gid);
        return answer;
      });
      try {
        const filter = { status: 'failed', error: 'changed meanwhile' };
        const done = await page.post('cancel-all', { filter, reason: 'obsolete', dryRun: false });
        expect(done.json).toMatchObject({ matched: 1, changed: 0 });
        expect((await page.jobs.find(gid))!.status).toBe('submitted');
      } finally {
        found.mockRestore();
        await page.post('cancel', { gid });
        await page.post('resume', { step: 'charge' });
      }
    });

    it('acts one by one where a text is looked for', async () => {
      const [wanted, other] = [
        await page.failed('charge', { n: 1 }, 'timed out: t-1'),
        await page.failed('charge', { n: 2 }, 'refused'),
      ];
      const request = { filter: { status: 'failed', error: 'timed out: t-1' }, reason: 'try again' };
      expect((await page.post('retry-all', { ...request, dryRun: true })).json).toMatchObject({
        matched: 1,
        changed: 0,
      });
      page.failWith();
      expect((await page.post('retry-all', { ...request, dryRun: false })).json).toMatchObject({
        matched: 1,
        changed: 1,
        more: false,
      });
      await page.reached(wanted, 'succeeded');
      expect((await page.jobs.find(other))!.status).toBe('failed');
      expect(await auditOf(wanted)).toMatchObject([{ action: 'retry', by: 'ada', reason: 'try again' }]);

      const cancel = { filter: { args: '"n":2' }, reason: 'obsolete', dryRun: false };
      expect((await page.post('cancel-all', cancel)).json).toMatchObject({ matched: 1, changed: 1 });
      expect((await page.jobs.find(other))!.status).toBe('canceled');
      const spread = { ...request, dryRun: false, spread: '1m' };
      expect((await page.post('retry-all', spread)).status).toBe(400);
      const succeeded = { ...request, filter: { status: 'succeeded', error: 'x' }, dryRun: true };
      expect((await page.post('retry-all', succeeded)).status).toBe(400);
    });

    it('keeps what is stored of a masked value that comes back as it was', async () => {
      const stored = {
        orderId: 'o-1',
        card: { number: '4111' },
        lines: [{ token: 't-1' }],
        note: 'token=t-2',
      };
      const gid = await page.failed('charge', stored);
      const shown = (await page.ask('job', { gid, args: 'true' })).json.job.steps[0].args;
      expect(shown).toEqual({ orderId: 'o-1', card: MASK, lines: [{ token: MASK }], note: `token=${MASK}` });

      for (const args of [
        { ...shown, other: MASK },
        { ...shown, lines: [{ token: MASK, sku: 's' }] },
        { ...shown, lines: [{ token: MASK }, { token: MASK }] },
        { ...shown, note: `token=${MASK}!` },
        { ...shown, card: { number: MASK } },
        { ...shown, orderId: MASK },
        { ...shown, [MASK]: 1 },
        { inner: shown },
        [shown],
        MASK,
      ]) {
        const refused = await page.post('retry', { gid, args });
        expect(refused.status, JSON.stringify(args)).toBe(400);
      }
      expect((await page.post('retry', { gid, step: 1, args: shown })).status).toBe(400);
      page.failWith();
      const edited = await page.post('retry', { gid, step: 0, args: { ...shown, orderId: 'o-2' } });
      expect(edited.json).toEqual({ changed: true });
      await page.reached(gid, 'succeeded');
      expect(page.recording.of(gid).at(-1)!.args).toEqual({ ...stored, orderId: 'o-2' });
      expect(await auditOf(gid)).toMatchObject([{ action: 'edit', by: 'ada' }]);
    });

    it('a key of an object is nothing but a key', async () => {
      const gid = await page.failed('charge', JSON.parse('{"a":{"token":"t-1"},"b":1}'));
      page.failWith();
      const args = JSON.parse(`{"a":{"token":"${MASK}","__proto__":{"x":1}},"b":2}`) as object;
      expect((await page.post('retry', { gid, args })).status).toBe(200);
      await page.reached(gid, 'succeeded');
      const { a } = page.recording.of(gid).at(-1)!.args as { a: object };
      expect(Object.getPrototypeOf(a)).toBe(Object.prototype);
      expect(a).toMatchObject({ token: 't-1' });
    });

    it('does not tell why a step refuses what was masked', async () => {
      const gid = await page.failed('log-in', { user: 'ada', password: 'a long-enough secret-1' });
      // Somebody has stored what the step would not take.
      const placeholder = backend === 'postgres' ? '$1' : '?';
      const steps = backend === 'postgres' ? 'replace(steps::text' : 'replace(steps';
      await databases.store.query(
        `UPDATE stepping_jobs SET steps = ${steps}, 'a long-enough secret-1', 'secret-1') WHERE gid = ${placeholder}`,
        [gid],
      );
      const { args } = (await page.ask('job', { gid, args: 'true' })).json.job.steps[0];
      expect(args).toEqual({ user: 'ada', password: MASK });
      const refused = await page.post('retry', { gid, args });
      expect(refused.status).toBe(400);
      expect(refused.json.code).toBe('STEPPING_INVALID_STEP_ARGUMENTS');
      expect(refused.text).not.toContain('secret-1');
      // What somebody has written himself is told.
      const own = await page.post('retry', { gid, args: { user: 'ada', password: 'mine' } });
      expect(own.status).toBe(400);
      expect(own.text).toContain('log-in');
    });

    it('is allowed action by action', async () => {
      const gid = await page.failed('charge', { n: 1 });
      const bulk = { filter: { status: 'failed', name: 'nobody' }, reason: 'x', dryRun: true };
      const requests: readonly (readonly [needed: string, path: string, body: unknown])[] = [
        ['retry', 'retry', { gid }],
        ['retry,edit', 'retry', { gid, args: { n: 2 } }],
        ['cancel', 'cancel', { gid }],
        ['skip', 'skip', { gid, step: 0, reason: 'x' }],
        ['retry', 'retry-all', bulk],
        ['cancel', 'cancel-all', bulk],
        ['pause', 'pause', { step: 'nobody', reason: 'x' }],
        ['pause', 'resume', { step: 'nobody' }],
      ];
      const all = ['retry', 'cancel', 'skip', 'edit', 'pause'];
      for (const [needed, path, body] of requests) {
        expect((await page.post(path, body, 'read')).status, path).toBe(403);
        for (const missing of needed.split(',')) {
          const others = all.filter((action) => action !== missing).join(',');
          expect((await page.post(path, body, others)).status, `${path} with ${others}`).toBe(403);
        }
      }
      expect((await page.jobs.find(gid))!.status).toBe('failed');
      for (const [needed, path, body] of requests) {
        expect((await page.post(path, body, needed)).status, `${path} with ${needed}`).not.toBe(403);
      }
    });

    it('refuses bodies that cannot be', async () => {
      const gid = await page.failed('charge', { n: 1 });
      const bulk = { filter: {}, reason: 'x', dryRun: true };
      const bodies: readonly (readonly [path: string, body: unknown])[] = [
        ['retry', []],
        ['retry', {}],
        ['retry', { gid: [gid] }],
        ['retry', { gid: 1 }],
        ['retry', { gid: 'x'.repeat(129) }],
        ['retry', { gid: 'a/b' }],
        ['retry', { gid, by: 'root' }],
        ['retry', { gid, reason: 'x'.repeat(2001) }],
        ['retry', { gid, reason: ['x'] }],
        ['cancel', { gid, args: {} }],
        ['skip', { gid, step: '0', reason: 'x' }],
        ['skip', { gid, step: -1, reason: 'x' }],
        ['skip', { gid, step: 0 }],
        ['skip', { gid, step: 0, reason: '' }],
        ['retry-all', { ...bulk, filter: undefined }],
        ['retry-all', { ...bulk, filter: [] }],
        ['retry-all', { ...bulk, filter: { gid } }],
        ['retry-all', { ...bulk, filter: { status: ['failed'] } }],
        ['retry-all', { ...bulk, filter: { status: 'anything' } }],
        ['retry-all', { ...bulk, filter: { failing: true } }],
        ['retry-all', { ...bulk, filter: { after: 'yesterday' } }],
        ['retry-all', { ...bulk, filter: { after: 0 } }],
        ['retry-all', { ...bulk, dryRun: 'true' }],
        ['retry-all', { ...bulk, dryRun: undefined }],
        ['retry-all', { ...bulk, reason: undefined }],
        ['retry-all', { ...bulk, limit: 10_001 }],
        ['retry-all', { ...bulk, limit: 0 }],
        ['retry-all', { ...bulk, spread: 5 }],
        ['cancel-all', { ...bulk, spread: '1m' }],
        ['pause', { step: 'charge' }],
        ['pause', { step: {}, reason: 'x' }],
        ['pause', { step: 'charge', reason: 'x', kind: 'brake' }],
        ['resume', {}],
      ];
      for (const [path, body] of bodies) {
        const { status, json } = await page.post(path, body);
        expect([status, json.code], `${path} ${JSON.stringify(body)}`).toEqual([400, 'INVALID_REQUEST']);
      }
      expect((await page.jobs.find(gid))!.status).toBe('failed');
      expect(await auditOf(gid)).toEqual([]);
    });
  },
);
