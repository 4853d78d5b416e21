import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MAX_ATTEMPTS } from '../../lib/store/attempt-marks.js';
import type { JobChange, JobStore, NewJob } from '../../lib/store/job-store.js';
import { claimAll, end, newJob, progress, success } from './support.js';

const LEASE = 30_000;
/** Two clocks of one machine may differ, and the test takes time in between. */
const PATIENCE = 20_000;
type Gids = [string, string, string, string, string, string, string];
type Three = [NewJob, NewJob, NewJob];
type EightGids = [...Gids, string];
/** An attempt that has failed gives the job back. */
const RETRY = { status: 'submitted', stepIndex: 0, stepName: 'first', release: true } as const;

/** What is written when an attempt of the first step begins. */
function begins({ gid }: Pick<NewJob, 'gid'>, owner: string): JobChange {
  return success(gid, owner, { ...RETRY, release: false, mark: 'begun', due: 'keep' });
}

/** A fresh, empty store, and others on the same jobs as other processes would have them. */
export interface StoreHarness {
  readonly store: JobStore;
  another(): Promise<JobStore>;
  close(): Promise<void>;
}

/** What every `JobStore` must do; a spec per implementation calls it. */
export function describeJobStore(title: string, open: () => Promise<StoreHarness>): void {
  describe(`JobStore contract: ${title}`, () => {
    let harness: StoreHarness;
    let store: JobStore;

    beforeEach(async () => {
      harness = await open();
      ({ store } = harness);
    });
    afterEach(() => harness.close());

    const dueSoon = (dueAt: Date | null | undefined, within: number): void => {
      const left = (dueAt?.getTime() ?? NaN) - Date.now();
      expect(left).toBeLessThan(within + 2_000);
      expect(left).toBeGreaterThan(within - PATIENCE);
    };

    describe('insert and find', () => {
      it('gives a job back as it was written', async () => {
        const job = newJob({
          name: 'Grüße 🚀',
          steps: JSON.stringify([{ step: 'é🙂', args: { text: 'a\u0000b "quoted" \\ \u2028 🎉' } }]),
          stepName: 'é🙂',
          owner: 'me',
          dueIn: 60_000,
          lookup: '{"dataSource":"default"}',
        });
        expect(await store.insert([job])).toEqual(new Set([job.gid]));

        const found = await store.find(job.gid);
        expect(found).toMatchObject({
          gid: job.gid,
          name: job.name,
          status: 'submitted',
          steps: job.steps,
          stepIndex: 0,
          stepName: job.stepName,
          attempts: 0,
          attemptLog: null,
          owner: 'me',
          lookup: job.lookup,
          error: null,
          endedAt: null,
        });
        expect(JSON.parse(found!.steps)[0].args.text).toContain('\u0000');
        expect(found!.dueAt!.getTime() - found!.createdAt.getTime()).toBeCloseTo(60_000, -2);
        dueSoon(found!.createdAt, 0);
      });

      it('keeps where the start was traced, through claims, ends and retries, beside jobs without', async () => {
        const trace = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01 vendor=x, other= y~`;
        const [traced, plain] = [newJob({ trace }), newJob()];
        await store.insert([traced, plain]);
        const claimed = await claimAll(store, 'me');
        const told = claimed.map((job) => [job.gid, job.trace]);
        expect(new Map(told as [string, string | null][])).toEqual(
          new Map([
            [traced.gid, trace],
            [plain.gid, null],
          ]),
        );
        await store.change([end(traced.gid, 'me', { status: 'failed' })]);
        await store.retry(traced.gid);
        expect(await store.find(traced.gid)).toMatchObject({ status: 'submitted', trace });
        const { jobs } = await store.list({ limit: 10 });
        expect(jobs.map((job) => job.trace).toSorted()).toEqual([trace, null]);
      });

      it('keeps arguments of more than a mebibyte', async () => {
        const steps = JSON.stringify([{ step: 'first', args: '🎈'.repeat(300_000) }]);
        const jobs = [newJob({ steps }), newJob({ steps }), newJob({ steps })];
        expect((await store.insert(jobs)).size).toBe(3);
        expect((await store.find(jobs[2]!.gid))!.steps).toBe(steps);
      });

      it('leaves out taken gids, and inserts the others', async () => {
        const [taken, free] = [newJob({ name: 'old' }), newJob()];
        await store.insert([taken]);
        expect(await store.insert([{ ...taken, name: 'new' }, free])).toEqual(new Set([free.gid]));
        expect((await store.find(taken.gid))!.name).toBe('old');
      });

      it('tells the time by the clock that its times are of', async () => {
        const job = newJob({ dueIn: 60_000 });
        const before = await store.time();
        await store.insert([job]);
        const found = await store.find(job.gid);
        const after = await store.time();
        expect(found!.createdAt.getTime()).toBeGreaterThanOrEqual(before.getTime());
        expect(found!.createdAt.getTime()).toBeLessThanOrEqual(after.getTime());
        dueSoon(after, 0);
      });

      it('compares gids exactly', async () => {
        const gids = ['Case:1', 'case:1', 'CASE:1', 'case:1.'];
        expect(await store.insert(gids.map((gid) => newJob({ gid })))).toEqual(new Set(gids));
        expect((await store.find('CASE:1'))!.gid).toBe('CASE:1');
      });

      it('finds nothing under an unknown gid or what is none', async () => {
        for (const gid of [randomUUID(), '', 'é', 'a\u0000b', 'x'.repeat(200)]) {
          expect(await store.find(gid)).toBeNull();
          expect(await store.retry(gid)).toBe(false);
          expect(await store.cancel(gid)).toBe(false);
        }
      });

      it('inserts more jobs than fit into one statement', async () => {
        const jobs = Array.from({ length: 1201 }, () => newJob());
        expect((await store.insert(jobs)).size).toBe(1201);
        expect(
          await store.claim({ owner: 'me', limit: 2000, leaseDuration: LEASE, steps: ['first'] }),
        ).toHaveLength(1201);
      });
    });

    describe('claim', () => {
      it('takes the oldest due jobs, up to the limit, under the new owner', async () => {
        const jobs = [-1000, -3000, -2000, 60_000].map((dueIn) => newJob({ dueIn }));
        await store.insert(jobs);
        const claimed = await store.claim({ owner: 'me', limit: 2, leaseDuration: LEASE, steps: ['first'] });
        expect(claimed.map((job) => job.gid).toSorted()).toEqual([jobs[1]!.gid, jobs[2]!.gid].toSorted());
        for (const { dueFor, ...job } of claimed) {
          expect(job).toMatchObject({ owner: 'me', attempts: 0, steps: jobs[0]!.steps });
          // Its own, or that of the last one.
          expect(dueFor).toBeGreaterThanOrEqual(2000);
          expect(dueFor).toBeLessThan(3000 + PATIENCE);
          const stored = await store.find(job.gid);
          expect(stored).toMatchObject(job);
          dueSoon(stored!.dueAt, LEASE);
        }
        expect((await claimAll(store, 'you')).map((job) => job.gid)).toEqual([jobs[0]!.gid]);
      });

      it('takes all that have become due within a time, if asked to', async () => {
        const jobs = [-3600_000, -4000, -2000, 0, 60_000].map((dueIn) => newJob({ dueIn }));
        await store.insert(jobs);
        const request = {
          owner: 'me',
          limit: 10,
          leaseDuration: LEASE,
          steps: ['first'],
          dueWithin: PATIENCE,
        };
        const claimed = (await store.claim(request)).map((job) => job.gid);
        expect(claimed).toEqual(expect.arrayContaining(jobs.slice(1, 4).map((job) => job.gid)));
        expect(claimed).not.toContain(jobs[4]!.gid);
        if (!claimed.includes(jobs[0]!.gid)) expect(await claimAll(store, 'you')).toHaveLength(1);
      });

      it('takes the oldest jobs whose steps fit into so many bytes, large ones as a whole', async () => {
        const small = newJob({ dueIn: -4000 });
        // Two bytes for each of these characters.
        const large = newJob({
          dueIn: -3000,
          steps: JSON.stringify([{ step: 'first', args: 'é'.repeat(100_000) }]),
        });
        const behind = newJob({ dueIn: -2000 });
        await store.insert([small, large, behind]);
        const size = Buffer.byteLength(large.steps);
        const claim = async (maxBytes: number, maxLone?: number) => {
          const request = {
            owner: 'me',
            limit: 500,
            leaseDuration: LEASE,
            steps: ['first'],
            maxBytes,
            maxLone,
          };
          return (await store.claim(request)).map(({ gid, steps }) => ({ gid, steps }));
        };
        expect(await claim(size)).toEqual([{ gid: small.gid, steps: small.steps }]);
        expect(await claim(size - 1, size - 1)).toEqual([]);
        expect(await claim(size - 1)).toEqual([{ gid: large.gid, steps: large.steps }]);
        await store.insert([{ ...newJob({ dueIn: -5000 }), steps: large.steps }]);
        expect(await claim(size + small.steps.length)).toHaveLength(2);
      });

      it('takes none that are not wanted any more when it looks', async () => {
        const job = newJob();
        await store.insert([job]);
        const request = { owner: 'me', limit: 10, leaseDuration: LEASE, steps: ['first'] };
        expect(await store.claim({ ...request, stillWanted: () => false })).toEqual([]);
        expect(await store.find(job.gid)).toMatchObject({ owner: null, attempts: 0 });
        expect(await store.claim({ ...request, stillWanted: () => true })).toHaveLength(1);
      });

      it('gives every job to one of eight claimers only', async () => {
        const jobs = Array.from({ length: 400 }, () => newJob());
        await store.insert(jobs);
        const stores = await Promise.all(Array.from({ length: 8 }, () => harness.another()));
        const claimed = await Promise.all(
          stores.map(async (other, index) => {
            const gids: string[] = [];
            for (;;) {
              const request = { owner: `owner-${index}`, limit: 20, leaseDuration: LEASE, steps: ['first'] };
              const batch = await other.claim(request);
              if (batch.length === 0) return gids;
              gids.push(...batch.map((job) => job.gid));
            }
          }),
        );
        // A claimer may find everything locked by the others and end early; what is left is still there.
        const rest = (await claimAll(store, 'last')).map((job) => job.gid);
        const all = [...claimed.flat(), ...rest];
        expect(all).toHaveLength(400);
        expect(new Set(all)).toEqual(new Set(jobs.map((job) => job.gid)));
      });

      it('counts no attempt for an expired lease, and fences its owner off', async () => {
        const job = newJob({ owner: 'old' });
        await store.insert([job]);
        expect(await claimAll(store, 'new')).toMatchObject([
          { gid: job.gid, owner: 'new', attempts: 0, mark: 'takenOver', crashes: null },
        ]);
        expect(await store.change([success(job.gid, 'old')])).toEqual(new Set());
        expect(await store.held([{ gid: job.gid, owner: 'old' }])).toEqual(new Set());
        expect(await store.change([success(job.gid, 'new')])).toEqual(new Set([job.gid]));
      });

      it('counts an expired lease once, where an attempt is known to have begun', async () => {
        const [begun, waiting, full] = ['a', 'b', 'c'].map((owner) =>
          newJob({ owner, dueIn: LEASE }),
        ) as Three;
        await store.insert([begun, waiting, full]);
        const changes = [
          { ...begins(begun, 'a'), attempts: 1 },
          { ...begins(full, 'c'), attempts: MAX_ATTEMPTS, crashes: 4 },
        ];
        expect((await store.change(changes)).size).toBe(2);
        expect(await store.find(begun.gid)).toMatchObject({ mark: 'begun', attempts: 1, owner: 'a' });

        for (const owner of ['first', 'second']) {
          await store.elapse(LEASE + 1);
          const claimed = await claimAll(store, owner);
          const marks = claimed.map(({ gid, attempts, mark, crashes }) => ({ gid, attempts, mark, crashes }));
          expect(marks.sort((one, other) => one.attempts - other.attempts)).toEqual([
            { gid: waiting.gid, attempts: 0, mark: 'takenOver', crashes: null },
            { gid: begun.gid, attempts: 2, mark: 'crashed', crashes: 1 },
            { gid: full.gid, attempts: MAX_ATTEMPTS, mark: 'crashed', crashes: 5 },
          ]);
          const { gid, attempts, mark, crashes } = (await store.find(begun.gid))!;
          expect({ gid, attempts, mark, crashes }).toEqual(marks[1]);
        }
      });

      it('leaves the marks of a job that nobody held, and takes them away with a success or a retry', async () => {
        const jobs = Array.from({ length: 4 }, () => newJob({ owner: 'me', dueIn: LEASE }));
        const [released, ended, goneOn, failed] = jobs.map(({ gid }) => gid) as Gids;
        await store.insert(jobs);
        expect((await store.change(jobs.map((job) => ({ ...begins(job, 'me'), crashes: 2 })))).size).toBe(4);
        const marks = { mark: 'released', crashes: 2 } as const;
        const changes = [
          success(released, 'me', { ...RETRY, ...marks, due: -1000 }),
          end(ended, 'me'),
          progress(goneOn, 'me'),
          success(failed, 'me', { ...RETRY, ...marks, status: 'failed', due: null }),
        ];
        expect((await store.change(changes)).size).toBe(4);
        expect(await claimAll(store, 'other', ['first'])).toMatchObject([{ gid: released, ...marks }]);
        expect(await store.find(released)).toMatchObject(marks);
        expect(await store.retry(failed)).toBe(true);
        for (const gid of [ended, goneOn, failed]) {
          expect(await store.find(gid)).toMatchObject({ mark: null, crashes: null });
        }
        // What the store writes with its simplest statements takes them away too.
        await store.change([success(released, 'other', { ...RETRY, ...begins({ gid: released }, 'other') })]);
        expect(await store.change([end(released, 'other')])).toEqual(new Set([released]));
        expect(await store.find(released)).toMatchObject({ mark: null, crashes: null });
      });

      it('leaves unknown steps alone and names them once they are overdue', async () => {
        const [known, unknown, fresh] = [
          newJob(),
          newJob({ stepName: 'other', dueIn: -60_000 }),
          newJob({ stepName: 'another' }),
        ];
        await store.insert([known, unknown, fresh]);
        expect((await claimAll(store, 'me')).map((job) => job.gid)).toEqual([known.gid]);
        expect(await store.find(unknown.gid)).toMatchObject({
          status: 'submitted',
          owner: null,
          attempts: 0,
        });
        expect(await store.unknownSteps(['first'], 30_000)).toEqual(['other']);
        expect(await store.unknownSteps(['first', 'other'], 30_000)).toEqual([]);
        expect((await store.unknownSteps([], 100)).sort()).toEqual(['another', 'other']);
        // Somebody works on such jobs.
        await store.insert([newJob({ stepName: 'other', owner: 'you', dueIn: LEASE })]);
        expect(await store.unknownSteps(['first'], 100)).toEqual(['another']);
        expect(await store.claim({ owner: 'me', limit: 10, leaseDuration: LEASE, steps: [] })).toEqual([]);
      });

      it('takes prepared jobs whatever their step, without counting attempts', async () => {
        const job = newJob({ status: 'prepared', stepName: 'elsewhere', owner: 'starter', lookup: '{}' });
        await store.insert([job]);
        expect(await claimAll(store, 'me', [])).toMatchObject([
          { gid: job.gid, status: 'prepared', owner: 'me', attempts: 0, lookup: '{}' },
        ]);
      });
    });

    describe('change', () => {
      it('ends a job', async () => {
        const job = newJob({ owner: 'me' });
        await store.insert([job]);
        expect(await store.change([success(job.gid, 'me', { attempts: 2, attemptLog: '0:3' })])).toEqual(
          new Set([job.gid]),
        );
        const ended = await store.find(job.gid);
        expect(ended).toMatchObject({ status: 'succeeded', stepIndex: 1, stepName: null, dueAt: null });
        expect(ended).toMatchObject({ attempts: 2, attemptLog: '0:3' });
        dueSoon(ended!.endedAt, 0);
        expect(await claimAll(store, 'you')).toEqual([]);
        expect(await store.change([success(job.gid, 'me')])).toEqual(new Set());
      });

      it('goes on to the next step under the same lease', async () => {
        const job = newJob({ owner: 'me', dueIn: 45_000 });
        await store.insert([job]);
        const before = (await store.find(job.gid))!;
        expect(await store.change([progress(job.gid, 'me')])).toEqual(new Set([job.gid]));
        const after = (await store.find(job.gid))!;
        expect(after).toMatchObject({ status: 'submitted', stepIndex: 1, stepName: 'second', owner: 'me' });
        expect(after.dueAt).toEqual(before.dueAt);
        expect(after.endedAt).toBeNull();
      });

      it('is refused at another step, whoever asks', async () => {
        const job = newJob({ owner: 'me' });
        await store.insert([job]);
        expect(await store.change([progress(job.gid, 'me')])).toEqual(new Set([job.gid]));
        expect(await store.change([progress(job.gid, 'me')])).toEqual(new Set());
        expect(await store.change([success(job.gid, 'me', { atStep: 2 })])).toEqual(new Set());
        expect(await store.find(job.gid)).toMatchObject({ status: 'submitted', stepIndex: 1 });
      });

      it('leaves out the one lost lease in the middle of a batch', async () => {
        const jobs = Array.from({ length: 21 }, () => newJob({ owner: 'me', dueIn: LEASE }));
        jobs[10] = newJob({ owner: 'me', dueIn: -1000 });
        await store.insert(jobs);
        expect(await claimAll(store, 'thief')).toHaveLength(1);
        const changes = jobs.map((job, index) => (index % 2 === 0 ? success : progress)(job.gid, 'me'));
        const expected = new Set(jobs.filter((_, index) => index !== 10).map((job) => job.gid));
        expect(await store.change(changes)).toEqual(expected);
        expect(await store.find(jobs[10]!.gid)).toMatchObject({
          status: 'submitted',
          owner: 'thief',
          stepIndex: 0,
        });
        expect(await store.find(jobs[9]!.gid)).toMatchObject({ status: 'submitted', stepIndex: 1 });
        expect(await store.find(jobs[12]!.gid)).toMatchObject({ status: 'succeeded' });
      });

      it('ends a batch of jobs, each of them under its own owner only', async () => {
        const jobs = ['a.1', 'a.2', 'a.3', 'a.4', 'a.5', 'thief', 'a.7'].map((owner) =>
          newJob({ owner, dueIn: LEASE }),
        );
        const [retried, ended, first, second, later, stolen, last] = jobs.map(({ gid }) => gid) as Gids;
        await store.insert(jobs);
        const again = success(retried, 'a.1', { ...RETRY, attempts: 1, error: 'Error: no', due: -1000 });
        expect((await store.change([again, end(ended, 'a.2'), progress(later, 'a.5')])).size).toBe(3);
        expect(await claimAll(store, 'b.1', ['first'])).toMatchObject([{ gid: retried, attempts: 1 }]);

        const changes = [
          end(retried, 'b.1'),
          end(ended, 'a.2'),
          end(first, 'a.4'),
          end(second, 'a.3'),
          end(later, 'a.5'),
          end(stolen, 'a.6'),
          end(last, 'a.7'),
          end(randomUUID(), 'a.7'),
        ];
        const { endedAt } = (await store.find(ended))!;
        const written = await store.change(changes);
        // It has ended as it should, under its owner, though not just now: a store may count it in.
        written.delete(ended);
        expect(written).toEqual(new Set([retried, last]));
        expect(await store.find(ended)).toMatchObject({ status: 'succeeded', owner: 'a.2', endedAt });
        const found = (await store.find(retried))!;
        expect(found).toMatchObject({ status: 'succeeded', stepIndex: 0, stepName: 'first', owner: 'b.1' });
        expect(found).toMatchObject({ attempts: 0, error: null, dueAt: null });
        dueSoon(found.endedAt, 0);
        for (const gid of [first, second, stolen]) {
          expect(await store.find(gid)).toMatchObject({ status: 'submitted', stepIndex: 0 });
        }
        expect(await store.find(later)).toMatchObject({ status: 'submitted', stepIndex: 1 });
      });

      it('writes ends and successes together, each under its own owner and at its own step only', async () => {
        const jobs = Array.from({ length: 8 }, (_, at) => newJob({ owner: `a/${at}`, dueIn: LEASE }));
        const gids = jobs.map(({ gid }) => gid);
        const [ended, gone, on, further, stolen, behind, ahead, failing] = gids as EightGids;
        await store.insert(jobs);
        const second = { atStep: 1, stepIndex: 2, stepName: 'third' };
        await store.change([progress(further, 'a/3'), progress(ahead, 'a/6'), progress(gone, 'a/1')]);
        await store.change([
          success(failing, 'a/7', { ...RETRY, release: false, attempts: 1, error: 'no', due: 'keep' }),
        ]);
        const before = (await store.find(further))!;

        const changes = [
          end(ended, 'a/0'),
          end(gone, 'a/1', { atStep: 1, stepIndex: 1, stepName: 'second' }),
          progress(on, 'a/2'),
          progress(further, 'a/3', second),
          progress(stolen, 'a/5'),
          end(behind, 'a/5', { atStep: 1, stepIndex: 1 }),
          progress(ahead, 'a/6', { atStep: 2, stepIndex: 3 }),
          progress(failing, 'a/7'),
          progress(randomUUID(), 'a/7'),
        ];
        expect(await store.change(changes)).toEqual(new Set([ended, gone, on, further, failing]));
        const values = await Promise.all(gids.map((gid) => store.find(gid)));
        const steps = values.map((job) => [job!.status, job!.stepIndex, job!.stepName]);
        expect(steps).toEqual([
          ['succeeded', 0, 'first'],
          ['succeeded', 1, 'second'],
          ['submitted', 1, 'second'],
          ['submitted', 2, 'third'],
          ['submitted', 0, 'first'],
          ['submitted', 0, 'first'],
          ['submitted', 1, 'second'],
          ['submitted', 1, 'second'],
        ]);
        expect(values.map((job) => job!.owner)).toEqual(jobs.map(({ owner }) => owner));
        expect(values.map((job) => job!.dueAt === null)).toEqual(
          gids.map((gid) => gid === ended || gid === gone),
        );
        expect(await store.find(further)).toMatchObject({ dueAt: before.dueAt, endedAt: null });
        expect(await store.find(failing)).toMatchObject({ attempts: 0, error: null });
        dueSoon((await store.find(gone))!.endedAt, 0);
      });

      it('backs off: gives the lease up until later, and that is no attempt of its own', async () => {
        const [soon, late] = [newJob({ owner: 'me' }), newJob({ owner: 'me' })];
        await store.insert([soon, late]);
        const changes = [
          success(soon.gid, 'me', { ...RETRY, attempts: 1, error: 'Error: 🙁', due: 0 }),
          success(late.gid, 'me', { ...RETRY, attempts: 1, error: 'Error: no', due: 60_000 }),
        ];
        expect((await store.change(changes)).size).toBe(2);
        expect(await store.find(late.gid)).toMatchObject({ owner: null, attempts: 1, error: 'Error: no' });
        dueSoon((await store.find(late.gid))!.dueAt, 60_000);
        await expect
          .poll(() => claimAll(store, 'you'))
          .toMatchObject([{ gid: soon.gid, attempts: 1, error: 'Error: 🙁' }]);
      });

      it('tells names and errors as they were written, also those that look like escapes', async () => {
        const text = String.raw`a \u0041 \\u0041 \u005cu0041`;
        const job = newJob({ owner: 'me', stepName: text });
        await store.insert([job]);
        await store.change([
          success(job.gid, 'me', { ...RETRY, stepName: text, attempts: 1, error: text, due: 0 }),
        ]);
        const claim = () => store.claim({ owner: 'you', limit: 10, leaseDuration: LEASE, steps: [text] });
        await expect.poll(claim).toMatchObject([{ gid: job.gid, stepName: text, error: text }]);
        expect(await store.find(job.gid)).toMatchObject({ stepName: text, error: text });
      });

      it('keeps the attempt log unless there is a new one, and clears the error', async () => {
        const job = newJob({ owner: 'me' });
        await store.insert([job]);
        await store.change([progress(job.gid, 'me', { attemptLog: '0:2', error: 'Error' })]);
        await store.change([progress(job.gid, 'me', { atStep: 1, stepIndex: 2 })]);
        expect(await store.find(job.gid)).toMatchObject({ stepIndex: 2, attemptLog: '0:2', error: null });
      });

      it('goes through while the same rows are renewed, and neither is lost', async () => {
        const jobs = Array.from({ length: 60 }, () => newJob({ owner: 'me', dueIn: LEASE }));
        await store.insert(jobs);
        const renewer = await harness.another();
        const keys = jobs.map(({ gid }) => ({ gid, owner: 'me' })).reverse();
        const rounds = 15;
        let changing = true;
        const renewals = (async () => {
          let renewed = 0;
          do renewed += (await renewer.renew(keys, LEASE)).size;
          while (changing);
          return renewed;
        })();
        try {
          for (let step = 0; step < rounds; step += 1) {
            const changes = jobs.map((job) => progress(job.gid, 'me', { atStep: step, stepIndex: step + 1 }));
            expect((await store.change(changes)).size).toBe(jobs.length);
          }
        } finally {
          changing = false;
          await renewals;
        }
        expect(await renewals).toBeGreaterThan(0);
        expect(await store.find(jobs[0]!.gid)).toMatchObject({ stepIndex: rounds, owner: 'me' });
      });
    });

    describe('prepared jobs', () => {
      const prepare = async (): Promise<string> => {
        const job = newJob({ status: 'prepared', owner: 'starter', dueIn: 60_000 });
        await store.insert([job]);
        return job.gid;
      };

      it('are submitted, under the lease or released', async () => {
        const [kept, released] = [await prepare(), await prepare()];
        const changes = [
          { gid: kept, owner: 'starter', status: 'submitted', due: LEASE, release: false },
          { gid: released, owner: 'starter', status: 'submitted', due: 0, release: true },
        ] as const;
        expect(await store.changePrepared(changes)).toEqual(new Set([kept, released]));
        expect(await store.find(kept)).toMatchObject({
          status: 'submitted',
          owner: 'starter',
          endedAt: null,
        });
        await expect.poll(() => claimAll(store, 'me')).toMatchObject([{ gid: released, attempts: 0 }]);
      });

      it('are rolled back', async () => {
        const gid = await prepare();
        const change = { gid, owner: 'starter', status: 'rolledBack', due: null, release: false } as const;
        expect(await store.changePrepared([change])).toEqual(new Set([gid]));
        const job = await store.find(gid);
        expect(job).toMatchObject({ status: 'rolledBack', dueAt: null });
        dueSoon(job!.endedAt, 0);
        expect(await store.changePrepared([{ ...change, status: 'submitted' }])).toEqual(new Set());
      });

      it('wait on, and belong to their owner only', async () => {
        const gid = await prepare();
        const change = { gid, owner: 'starter', status: 'prepared', due: 5_000, release: true } as const;
        expect(await store.changePrepared([{ ...change, owner: 'other' }])).toEqual(new Set());
        expect(await store.changePrepared([change])).toEqual(new Set([gid]));
        expect(await store.find(gid)).toMatchObject({ status: 'prepared', owner: null });
        expect(await store.change([success(gid, 'starter')])).toEqual(new Set());
      });

      it('can be neither retried nor canceled', async () => {
        const gid = await prepare();
        expect(await store.retry(gid)).toBe(false);
        expect(await store.cancel(gid)).toBe(false);
        expect(await store.find(gid)).toMatchObject({ status: 'prepared', owner: 'starter' });
      });
    });

    describe('leases', () => {
      it('are renewed and held by their owner, until the job ends', async () => {
        const [mine, prepared, ended, other] = [
          newJob({ owner: 'me', dueIn: 500 }),
          newJob({ owner: 'me', status: 'prepared' }),
          newJob({ owner: 'me' }),
          newJob({ owner: 'you' }),
        ];
        await store.insert([mine, prepared, ended, other]);
        await store.change([success(ended.gid, 'me')]);
        const keys = [mine, prepared, ended, other, newJob()].map(({ gid }) => ({ gid, owner: 'me' }));
        const held = new Set([mine.gid, prepared.gid]);
        expect(await store.held(keys)).toEqual(held);
        expect(await store.renew(keys, LEASE)).toEqual(held);
        dueSoon((await store.find(mine.gid))!.dueAt, LEASE);
        expect((await store.find(ended.gid))!.dueAt).toBeNull();
        expect((await claimAll(store, 'thief')).map((job) => job.gid)).toEqual([other.gid]);
      });

      it('are renewed in any number', async () => {
        const jobs = Array.from({ length: 1001 }, () => newJob({ owner: 'me' }));
        await store.insert(jobs);
        expect(
          (
            await store.renew(
              jobs.map(({ gid }) => ({ gid, owner: 'me' })),
              LEASE,
            )
          ).size,
        ).toBe(1001);
        expect((await store.renew([], LEASE)).size).toBe(0);
        expect((await store.change([])).size).toBe(0);
      });
    });

    describe('retry and cancel', () => {
      const failed = async (): Promise<string> => {
        const job = newJob({ owner: 'me' });
        await store.insert([job]);
        await store.change([progress(job.gid, 'me', { attemptLog: '0:2' })]);
        const failure = {
          atStep: 1,
          status: 'failed',
          stepName: 'second',
          attempts: 5,
          error: 'Error: no',
        } as const;
        await store.change([success(job.gid, 'me', failure)]);
        return job.gid;
      };

      it('retries a failed job at the step that failed', async () => {
        const gid = await failed();
        const job = await store.find(gid);
        expect(job).toMatchObject({ status: 'failed', stepIndex: 1, stepName: 'second', error: 'Error: no' });
        expect(job).toMatchObject({ attempts: 5, dueAt: null });
        expect(job!.endedAt).toBeInstanceOf(Date);

        expect(await store.retry(gid)).toBe(true);
        expect(await store.retry(gid)).toBe(false);
        const [claimed] = await claimAll(store, 'you');
        expect(claimed).toMatchObject({ gid, stepIndex: 1, attempts: 0 });
        expect(await store.find(gid)).toMatchObject({ stepName: 'second', endedAt: null });
        expect(await store.change([success(gid, 'me', { atStep: 1, stepIndex: 2 })])).toEqual(new Set());
      });

      it('cancels a job, which fences its owner off', async () => {
        const job = newJob({ owner: 'me' });
        await store.insert([job]);
        expect(await store.cancel(job.gid)).toBe(true);
        expect(await store.cancel(job.gid)).toBe(false);
        expect(await store.change([progress(job.gid, 'me')])).toEqual(new Set());
        expect(await store.held([{ gid: job.gid, owner: 'me' }])).toEqual(new Set());
        expect(await store.find(job.gid)).toMatchObject({ status: 'canceled', dueAt: null });
        expect(await claimAll(store, 'you')).toEqual([]);
      });

      it('cancels a failed job, and no other', async () => {
        const gid = await failed();
        expect(await store.cancel(gid)).toBe(true);
        expect(await store.retry(gid)).toBe(false);
        const job = newJob({ owner: 'me' });
        await store.insert([job]);
        await store.change([success(job.gid, 'me')]);
        expect(await store.cancel(job.gid)).toBe(false);
        expect(await store.retry(job.gid)).toBe(false);
      });
    });

    it('deletes a job under its owner, only while it is as it was inserted', async () => {
      const [mine, started] = [newJob({ owner: 'me' }), newJob({ owner: 'me' })];
      await store.insert([mine, started]);
      await store.change([progress(started.gid, 'me')]);
      await store.deleteNew(mine.gid, 'you');
      expect(await store.find(mine.gid)).not.toBeNull();
      await store.deleteNew(mine.gid, 'me');
      await store.deleteNew(started.gid, 'me');
      expect(await store.find(mine.gid)).toBeNull();
      expect(await store.find(started.gid)).not.toBeNull();
    });

    describe('list', () => {
      it('filters by status, step, name and time', async () => {
        const [a, b, c] = [
          newJob({ gid: 'a', name: 'Order' }),
          newJob({ gid: 'b', name: 'order', stepName: 'second' }),
          newJob({ gid: 'c', name: 'Order', owner: 'me' }),
        ];
        await store.insert([a, b, c]);
        await store.change([success('c', 'me')]);
        const gids = async (query: Partial<Parameters<JobStore['list']>[0]>): Promise<string[]> =>
          (await store.list({ limit: 10, ...query })).jobs.map((job) => job.gid);
        expect(await gids({})).toEqual(['c', 'b', 'a']);
        expect(await gids({ status: ['submitted', 'failed'] })).toEqual(['b', 'a']);
        expect(await gids({ status: ['failed'] })).toEqual([]);
        expect(await gids({ step: 'first' })).toEqual(['a']);
        expect(await gids({ name: 'Order' })).toEqual(['c', 'a']);
        expect(await gids({ name: 'Order', status: ['succeeded'] })).toEqual(['c']);
        const { createdAt } = (await store.find('a'))!;
        const later = new Date(createdAt.getTime() + 60_000);
        expect(await gids({ createdAfter: createdAt, createdBefore: later })).toEqual(['c', 'b', 'a']);
        expect(await gids({ createdAfter: later })).toEqual([]);
        expect(await gids({ createdBefore: new Date(createdAt.getTime() - 60_000) })).toEqual([]);
      });

      it('filters by failed attempts, and by parts of errors and of steps', async () => {
        const steps = JSON.stringify([{ step: 'first', args: 'Ä_1%' }]);
        const gids = ['a', 'b', 'c', 'd', 'e'];
        await store.insert(
          gids.map((gid) => newJob({ gid, ...(gid === 'e' ? { steps, dueIn: 60_000 } : {}) })),
        );
        await claimAll(store, 'me');
        await store.change([
          success('a', 'me', { ...RETRY, attempts: 1, error: 'É 100%', due: 60_000 }),
          success('b', 'me', { ...RETRY, status: 'failed', attempts: 3, error: 'off' }),
          // An attempt has begun, and none has failed.
          begins({ gid: 'c' }, 'me'),
          end('d', 'me', { attempts: 2 }),
        ]);
        const found = async (query: Partial<Parameters<JobStore['list']>[0]>): Promise<string[]> =>
          (await store.list({ limit: 10, ...query })).jobs.map((job) => job.gid);
        expect(await found({ failing: true })).toEqual(['b', 'a']);
        expect(await found({ error: 'É 1' })).toEqual(['a']);
        expect(await found({ error: '%' })).toEqual(['a']);
        expect(await found({ error: 'é' })).toEqual([]);
        expect(await found({ args: '"Ä_1%"' })).toEqual(['e']);
        expect(await found({ args: 'ä' })).toEqual([]);
        expect(await found({ gids: ['d', 'a', 'nobody', 'e'], before: 'e' })).toEqual(['d', 'a']);
        expect(await found({ gids: [] })).toEqual([]);
      });

      it('looks at so many jobs only, in the order that the filters allow', async () => {
        const gids = Array.from({ length: 12 }, (_, index) => `job-${String(index).padStart(2, '0')}`);
        await store.insert(gids.map((gid, index) => newJob({ gid, name: index < 4 ? 'old' : 'young' })));
        await claimAll(store, 'me');
        const failed = gids.filter((_, index) => index % 3 === 0);
        await store.change(
          failed.map((gid) => success(gid, 'me', { ...RETRY, status: 'failed', error: 'off' })),
        );
        const list = async (query: Partial<Parameters<JobStore['list']>[0]>) => {
          const { jobs, more } = await store.list({ limit: 2, ...query });
          return { gids: jobs.map((job) => job.gid), more };
        };
        expect(await list({ name: 'old', within: 8 })).toEqual({ gids: [], more: false });
        expect(await list({ name: 'old', within: 9 })).toEqual({ gids: ['job-03'], more: false });
        expect(await list({ name: 'old', within: 10 })).toEqual({ gids: ['job-03', 'job-02'], more: false });
        expect(await list({ name: 'old', within: 11 })).toEqual({ gids: ['job-03', 'job-02'], more: true });
        expect(await list({ name: 'old', within: 2, before: 'job-04' })).toEqual({
          gids: ['job-03', 'job-02'],
          more: false,
        });
        expect(await list({ name: 'old', status: ['failed'], within: 3 })).toEqual({
          gids: ['job-03'],
          more: false,
        });
        expect(await list({ name: 'young', within: 100, maxBytes: 1 })).toEqual({
          gids: ['job-11'],
          more: true,
        });
      });

      it('ends a page where its steps have so many bytes, but not before the first job', async () => {
        const steps = JSON.stringify([{ step: 'first', args: 'ä'.repeat(500) }]);
        await store.insert(['a', 'b', 'c', 'd'].map((gid) => newJob({ gid, steps })));
        const page = async (maxBytes: number, limit = 10) => {
          const { jobs, more } = await store.list({ limit, maxBytes });
          return { gids: jobs.map(({ gid }) => gid), more };
        };
        expect(await page(3_500)).toEqual({ gids: ['d', 'c', 'b'], more: true });
        expect(await page(1)).toEqual({ gids: ['d'], more: true });
        expect(await page(3_500, 2)).toEqual({ gids: ['d', 'c'], more: true });
        expect(await page(1_000_000)).toEqual({ gids: ['d', 'c', 'b', 'a'], more: false });
        expect(await page(1_000_000, 4)).toEqual({ gids: ['d', 'c', 'b', 'a'], more: false });
      });

      it('fills a page of many jobs, whatever their sizes, and no page beyond its bytes', async () => {
        const sizes = Array.from({ length: 150 }, (_, index) =>
          index < 90 ? 3_000 : index % 40 === 0 ? 9_000 : 30,
        );
        const stepsOf = (size: number): string => JSON.stringify([{ step: 'first', args: 'x'.repeat(size) }]);
        const gidOf = (index: number): string => `job-${String(index).padStart(3, '0')}`;
        await store.insert(sizes.map((size, index) => newJob({ gid: gidOf(index), steps: stepsOf(size) })));
        for (const [limit, maxBytes] of [
          [1000, 60_000],
          [70, 1_000_000],
          [1000, 5_000],
          [17, 1_000_000],
          [1000, 16 * Buffer.byteLength(stepsOf(3_000)) + 100],
        ] as const) {
          for (let next = sizes.length - 1, before: string | undefined; next >= 0;) {
            const expected: string[] = [];
            let bytes = 0;
            for (; next >= 0 && expected.length < limit; next -= 1) {
              bytes += Buffer.byteLength(stepsOf(sizes[next]!));
              if (bytes > maxBytes && expected.length > 0) break;
              expected.push(gidOf(next));
            }
            const page = await store.list({ limit, maxBytes, ...(before !== undefined && { before }) });
            expect(page.jobs.map(({ gid }) => gid)).toEqual(expected);
            expect(page.more).toBe(next >= 0);
            before = expected.at(-1);
          }
        }
      });

      it('goes through all jobs page by page', async () => {
        const all = Array.from({ length: 25 }, (_, index) => `job-${String(index).padStart(2, '0')}`);
        await store.insert(all.map((gid) => newJob({ gid })));
        const seen: string[] = [];
        for (let before: string | undefined; ; before = seen.at(-1)) {
          const page = await store.list({ limit: 10, ...(before === undefined ? {} : { before }) });
          seen.push(...page.jobs.map((job) => job.gid));
          expect(page.more).toBe(seen.length < all.length);
          if (!page.more) break;
        }
        expect(seen).toEqual([...all].reverse());
      });
    });

    it('lets time pass for all that is stored, and says when the first job is due', async () => {
      expect(await store.dueIn(['first'])).toBeNull();
      await store.insert([
        newJob({ gid: 'delayed', dueIn: 60_000 }),
        newJob({ gid: 'elsewhere', stepName: 'other', dueIn: 10_000 }),
        newJob({ gid: 'ended', owner: 'me' }),
      ]);
      await store.change([success('ended', 'me')]);
      const before = (await store.list({ limit: 10 })).jobs.map(({ createdAt, dueAt, endedAt }) => [
        createdAt.getTime(),
        dueAt?.getTime(),
        endedAt?.getTime(),
      ]);
      const left = (await store.dueIn(['first']))!;
      expect(left).toBeGreaterThan(40_000);
      expect(left).toBeLessThanOrEqual(60_000);
      const all = (await store.dueIn(['first', 'other']))!;
      expect(all).toBeGreaterThan(-10_000);
      expect(all).toBeLessThanOrEqual(10_000);

      await store.elapse(60_000);
      const after = (await store.list({ limit: 10 })).jobs.map(({ createdAt, dueAt, endedAt }) => [
        createdAt.getTime(),
        dueAt?.getTime(),
        endedAt?.getTime(),
      ]);
      expect(after).toEqual(before.map((times) => times.map((time) => time && time - 60_000)));
      expect(await store.dueIn(['first'])).toBeLessThanOrEqual(0);
      expect((await claimAll(store, 'you')).map((job) => job.gid)).toEqual(['delayed']);
      await store.insert([newJob({ gid: 'prepared', status: 'prepared', stepName: 'other', dueIn: 5_000 })]);
      expect(await store.dueIn([])).toBeLessThanOrEqual(5_000);
    });

    it('sweeps ended jobs whose retention is over, page by page, and never failed ones', async () => {
      const jobs = Array.from({ length: 12 }, (_, index) =>
        newJob({ gid: `job-${index + 10}`, owner: 'me' }),
      );
      await store.insert(jobs);
      await store.insert([
        newJob({ gid: 'job-30', status: 'prepared', owner: 'me', lookup: '{"dataSource":"x"}' }),
      ]);
      await store.change(jobs.slice(0, 9).map((job) => success(job.gid, 'me')));
      await store.change([success('job-19', 'me', { status: 'failed', stepIndex: 0, stepName: 'first' })]);
      await store.cancel('job-20');
      await store.changePrepared([
        { gid: 'job-30', owner: 'me', status: 'rolledBack', due: null, release: false },
      ]);

      expect((await store.expired('', 100, 60_000)).jobs).toEqual([]);
      const swept: { gid: string; lookup: string | null }[] = [];
      let pages = 0;
      for (let after: string | null = ''; after !== null; pages += 1) {
        const page = await store.expired(after, 5, 0);
        swept.push(...page.jobs);
        after = page.next;
      }
      // 13 jobs, five at a time, and the end.
      expect(pages).toBe(4);
      expect(swept.map((job) => job.gid)).toEqual([
        ...jobs.slice(0, 9).map((job) => job.gid),
        'job-20',
        'job-30',
      ]);
      expect(swept.at(-1)!.lookup).toBe('{"dataSource":"x"}');

      await store.delete([...swept.map((job) => job.gid), 'job-19', 'job-21']);
      await store.delete([]);
      expect((await store.list({ limit: 100 })).jobs.map((job) => job.gid)).toEqual(['job-21', 'job-19']);
    });
  });
}
