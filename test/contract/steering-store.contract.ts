import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JobStore, NewJob } from '../../lib/store/job-store.js';
import type { AuditStore, NewAuditEntry } from '../../lib/store/steering/audit-store.js';
import type { SteeringStore, StepSkip } from '../../lib/store/steering/steering-store.js';
import { claimAll, newJob, success } from './support.js';

/** Fresh, empty stores, and others on the same jobs as other processes would have them. */
export interface SteeringHarness {
  readonly store: JobStore;
  readonly steering: SteeringStore;
  readonly audit: AuditStore;
  close(): Promise<void>;
}

const DAY = 24 * 3600 * 1000;
const NO_DELAYS = [0, 0, 0];

function note(values: Partial<NewAuditEntry> = {}): NewAuditEntry {
  return {
    action: 'retry',
    gid: null,
    step: null,
    by: 'Žofie 🚀',
    reason: 'the bank is back: "é"',
    count: 0,
    detail: null,
    ...values,
  };
}

/** What every `SteeringStore` and `AuditStore` must do; a spec per implementation calls it. */
export function describeSteeringStore(title: string, open: () => Promise<SteeringHarness>): void {
  describe(`SteeringStore contract: ${title}`, () => {
    let harness: SteeringHarness;
    let store: JobStore;
    let steering: SteeringStore;
    let audit: AuditStore;

    beforeEach(async () => {
      harness = await open();
      ({ store, steering, audit } = harness);
    });
    afterEach(() => harness.close());

    /** Jobs that have failed at their first step, in the order of their gids. */
    const failed = async (count: number, values: Partial<NewJob> = {}): Promise<string[]> => {
      const jobs = Array.from({ length: count }, (_, at) =>
        newJob({ gid: `f-${at}-${randomUUID()}`, ...values }),
      );
      await store.insert(jobs);
      const claimed = await claimAll(store, 'me');
      const gids = jobs.map(({ gid }) => gid);
      const fails = {
        status: 'failed',
        stepIndex: 0,
        stepName: 'first',
        attempts: 2,
        error: 'down',
      } as const;
      await store.change(
        claimed
          .filter(({ gid }) => gids.includes(gid))
          .map(({ gid }) => success(gid, 'me', { ...fails, release: true })),
      );
      return gids;
    };
    const entries = async (gid?: string) => audit.list({ limit: 10, ...(gid !== undefined && { gid }) });

    describe('one job', () => {
      it('retries a failed job once, and notes it with its step', async () => {
        const [gid] = await failed(1);
        expect(await steering.retry(gid!, note({ gid: gid!, count: 1 }))).toBe(true);
        expect(await steering.retry(gid!, note({ gid: gid!, count: 1 }))).toBe(false);
        expect(await store.find(gid!)).toMatchObject({ status: 'submitted', attempts: 0, error: null });
        expect(await entries(gid)).toEqual([
          { ...note(), id: expect.any(String), at: expect.any(Date), gid, step: 'first', count: 1 },
        ]);
      });

      it('cancels a job, and notes nothing of one that cannot be', async () => {
        const job = newJob({ dueIn: 60_000 });
        await store.insert([job]);
        const entry = note({ action: 'cancel', gid: job.gid, by: null, reason: null, count: 1 });
        expect(await steering.cancel(job.gid, entry)).toBe(true);
        expect(await steering.cancel(job.gid, entry)).toBe(false);
        expect(await steering.cancel('nobody', { ...entry, gid: 'nobody' })).toBe(false);
        expect((await store.find(job.gid))!.status).toBe('canceled');
        expect(await entries()).toMatchObject([
          { action: 'cancel', gid: job.gid, by: null, reason: null, count: 1 },
        ]);
      });

      it('gives a failed step new arguments, unless the steps have changed', async () => {
        const steps = JSON.stringify([{ step: 'first', args: 'ä🙂' }, { step: 'second' }]);
        const [gid] = await failed(1, { steps });
        const edit = {
          gid: gid!,
          atStep: 0,
          steps,
          newSteps: JSON.stringify([{ step: 'first', args: 'ö' }]),
        };
        const entry = note({ action: 'edit', gid: gid!, step: 'first', detail: '{"args":"ä🙂"}' });
        expect(await steering.edit({ ...edit, atStep: 1 }, entry)).toBe(false);
        expect(await steering.edit({ ...edit, steps: '[]' }, entry)).toBe(false);
        expect(await entries()).toEqual([]);
        expect(await steering.edit(edit, entry)).toBe(true);
        expect(await steering.edit({ ...edit, steps: edit.newSteps }, entry)).toBe(false);
        expect(await store.find(gid!)).toMatchObject({
          status: 'submitted',
          attempts: 0,
          error: null,
          steps: edit.newSteps,
        });
        expect(await entries(gid)).toMatchObject([{ action: 'edit', detail: '{"args":"ä🙂"}' }]);
        expect(await claimAll(store, 'next')).toHaveLength(1);
      });
    });

    describe('skipping a step', () => {
      const skip = (gid: string, values: Partial<StepSkip> = {}): StepSkip => ({
        gid,
        atStep: 0,
        status: 'submitted',
        stepIndex: 1,
        stepName: 'second',
        attempts: 0,
        attemptLog: '0:2s',
        keepsDue: false,
        ...values,
      });
      const entry = note({ action: 'skip', step: 'first', count: 1 });

      it('lets a failed job go on at once with the next step', async () => {
        const [gid] = await failed(1);
        expect(await steering.skip(skip(gid!), { ...entry, gid: gid! })).toBe(true);
        expect(await store.find(gid!)).toMatchObject({
          status: 'submitted',
          stepIndex: 1,
          stepName: 'second',
          attempts: 0,
          attemptLog: '0:2s',
          error: null,
          owner: null,
          endedAt: null,
        });
        expect(await claimAll(store, 'next')).toMatchObject([{ gid, stepIndex: 1 }]);
        expect(await entries(gid)).toMatchObject([{ action: 'skip', step: 'first', count: 1 }]);
      });

      it('ends a job after its last step', async () => {
        const [gid] = await failed(1);
        const last = skip(gid!, { status: 'succeeded', stepIndex: 0, stepName: 'first' });
        expect(await steering.skip(last, { ...entry, gid: gid! })).toBe(true);
        const found = (await store.find(gid!))!;
        expect(found).toMatchObject({ status: 'succeeded', stepIndex: 0, dueAt: null, attemptLog: '0:2s' });
        expect(found.endedAt).not.toBeNull();
      });

      it('leaves alone a job under a good lease, at another step, or that has ended', async () => {
        const job = newJob();
        await store.insert([job]);
        const [claimed] = await claimAll(store, 'me');
        expect(await steering.skip(skip(job.gid), entry)).toBe(false);
        expect(await steering.skip(skip(job.gid, { atStep: 1, stepIndex: 2 }), entry)).toBe(false);
        await store.change([success(job.gid, claimed!.owner!, { stepIndex: 0, stepName: 'first' })]);
        expect(await steering.skip(skip(job.gid), entry)).toBe(false);
        expect((await store.find(job.gid))!.status).toBe('succeeded');
        expect(await entries()).toEqual([]);
      });

      it('takes a job whose lease is over, so that its holder can store nothing more', async () => {
        const job = newJob();
        await store.insert([job]);
        await claimAll(store, 'me');
        await store.elapse(60_000);
        expect(await steering.skip(skip(job.gid), entry)).toBe(true);
        expect(await store.change([success(job.gid, 'me', { stepIndex: 0, stepName: 'first' })])).toEqual(
          new Set(),
        );
        expect(await store.find(job.gid)).toMatchObject({ status: 'submitted', stepIndex: 1, owner: null });
      });

      it('keeps the time of a job that waits, if asked to, and not that of one that has failed', async () => {
        const later = newJob({ dueIn: 3600_000 });
        await store.insert([later]);
        const { dueAt } = (await store.find(later.gid))!;
        expect(await steering.skip(skip(later.gid, { keepsDue: true }), entry)).toBe(true);
        expect((await store.find(later.gid))!.dueAt).toEqual(dueAt);
        const [gid] = await failed(1);
        expect(await steering.skip(skip(gid!, { keepsDue: true }), entry)).toBe(true);
        expect((await store.find(gid!))!.dueAt).not.toBeNull();
      });
    });

    describe('many jobs', () => {
      it('retries those that had failed by then, and adds them to the entry', async () => {
        const gids = await failed(3);
        const live = newJob({ dueIn: 60_000 });
        await store.insert([live]);
        const auditId = await audit.add(note());
        const since = await steering.now();
        const retry = { conditions: {}, auditId, since: since - 60_000, delays: [...NO_DELAYS, 0] };
        const all = [...gids, live.gid];
        expect(await steering.retryAll(all, retry)).toEqual([]);
        expect((await steering.retryAll(all, { ...retry, since: since + 1 })).toSorted()).toEqual(gids);
        expect(await steering.retryAll(all, { ...retry, since: since + 1 })).toEqual([]);
        for (const gid of gids) {
          expect(await store.find(gid)).toMatchObject({
            status: 'submitted',
            attempts: 0,
            endedAt: null,
            error: null,
          });
        }
        expect(await entries()).toMatchObject([{ id: auditId, count: 3, gid: null }]);
        expect(await claimAll(store, 'next')).toHaveLength(3);
      });

      it('spreads the new attempts, each at its own time', async () => {
        const gids = await failed(3);
        const auditId = await audit.add(note());
        const since = (await steering.now()) + 10_000;
        const delays = [1, 20_000.5, 40_000];
        expect(await steering.retryAll(gids, { conditions: {}, auditId, since, delays })).toHaveLength(3);
        const due = await Promise.all(
          gids.map(async (gid) => (await store.find(gid))!.dueAt!.getTime() - since),
        );
        expect(due).toEqual([1, expect.closeTo(20_000, -1), 40_000]);
      });

      it('makes none due in the past, where claims no longer look', async () => {
        const gids = await failed(2);
        const auditId = await audit.add(note());
        const since = await steering.now();
        await store.elapse(60_000);
        await steering.retryAll(gids, { conditions: {}, auditId, since: since - 59_000, delays: [0, 1] });
        for (const gid of gids)
          expect((await store.find(gid))!.dueAt!.getTime()).toBeGreaterThanOrEqual(since);
      });

      it('changes only those that still meet the conditions', async () => {
        const gids = await failed(2);
        const [other] = await failed(1, { name: 'other' });
        const auditId = await audit.add(note());
        const since = (await steering.now()) + 1;
        const retry = { conditions: { name: 'other' }, auditId, since, delays: NO_DELAYS };
        expect(await steering.retryAll([...gids, other!], retry)).toEqual([other]);
        const change = { conditions: { status: ['failed'] as const, step: 'first' }, auditId };
        expect((await steering.cancelAll([...gids, other!], change)).toSorted()).toEqual(gids);
        expect((await store.find(gids[0]!))!.status).toBe('canceled');
        expect((await store.find(other!))!.status).toBe('submitted');
        expect(await entries()).toMatchObject([{ count: 3 }]);
      });
    });

    describe('the audit', () => {
      it('tells entries, the newest first, by their conditions and page by page', async () => {
        for (const [at, values] of [
          { gid: 'a', step: 'é', by: 'x' },
          { gid: 'b', step: 'é', action: 'skip' },
          { gid: 'a', step: 's', by: 'x' },
        ].entries())
          await audit.add(note({ ...(values as Partial<NewAuditEntry>), count: at }));
        const counts = async (query: Partial<Parameters<AuditStore['list']>[0]>) =>
          (await audit.list({ limit: 10, ...query })).map(({ count }) => count);
        expect(await counts({})).toEqual([2, 1, 0]);
        expect(await counts({ gid: 'a' })).toEqual([2, 0]);
        expect(await counts({ step: 'é' })).toEqual([1, 0]);
        expect(await counts({ action: 'skip' })).toEqual([1]);
        expect(await counts({ by: 'x', step: 's' })).toEqual([2]);
        expect(await counts({ by: 'nobody' })).toEqual([]);
        const page = await audit.list({ limit: 2 });
        expect(page.map(({ count }) => count)).toEqual([2, 1]);
        expect(await counts({ before: page[0]!.id })).toEqual([1, 0]);
      });

      it('tells the sizes of entries, and whether more follow', async () => {
        await audit.add(note({ gid: 'a', detail: '{"args":"é"}' }));
        await audit.add(note({ gid: 'b', detail: null }));
        await audit.add(note({ gid: 'a', detail: '{"args":1}' }));
        const sizes = async (query: Partial<Parameters<AuditStore['list']>[0]>) =>
          (await audit.sizes({ limit: 10, ...query })).map(({ size }) => size);
        expect(await sizes({ gid: 'a' })).toEqual([10, expect.toSatisfy((size: number) => size >= 13)]);
        expect(await sizes({ limit: 1 })).toEqual([10, 0]);
        const ids = (await audit.list({ limit: 10 })).map(({ id }) => id);
        expect((await audit.sizes({ limit: 10 })).map(({ id }) => id)).toEqual(ids);
      });

      it('purges what is old enough, in batches', async () => {
        for (let count = 0; count < 3; count += 1) await audit.add(note({ count }));
        expect(await audit.purge(DAY, 2)).toBe(false);
        expect(await audit.list({ limit: 10 })).toHaveLength(3);
        expect(await audit.purge(-1000, 2)).toBe(true);
        expect((await audit.list({ limit: 10 })).map(({ count }) => count)).toEqual([2]);
        expect(await audit.purge(-1000, 2)).toBe(true);
        expect(await audit.purge(-1000, 2)).toBe(false);
      });

      it('forgets the details of jobs, and keeps their entries', async () => {
        await audit.add(note({ gid: 'a', detail: '{"args":1}' }));
        await audit.add(note({ gid: 'b', detail: '{"args":2}' }));
        await audit.add(note({ detail: '{"filter":{}}' }));
        await audit.forget(['a', 'c']);
        await audit.forget([]);
        expect((await audit.list({ limit: 10 })).map(({ detail }) => detail)).toEqual([
          '{"filter":{}}',
          '{"args":2}',
          null,
        ]);
      });
    });
  });
}
