import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { encodedError } from '../../../lib/core/payloads/stored-forms.js';
import type { JobStore } from '../../../lib/store/job-store.js';
import { MemoryJobStore } from '../../../lib/store/memory.job-store.js';
import { JobCompleter } from '../../../lib/tm/self/job-completer.js';
import { LeaseKeeper } from '../../../lib/tm/self/lease-keeper.js';
import { LeasedJob } from '../../../lib/tm/self/leased-job.js';
import { newJob } from './support.js';

let store: MemoryJobStore;
let leases: LeaseKeeper;
let completer: JobCompleter;

beforeEach(() => {
  vi.useFakeTimers();
  store = new MemoryJobStore(() => Date.now());
  leases = new LeaseKeeper(store, 30_000);
  completer = new JobCompleter(store, leases);
});

afterEach(async () => {
  await leases.stop();
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const passed = (milliseconds = 0) => vi.advanceTimersByTimeAsync(milliseconds);
const statusOf = async (gid: string) => (await store.find(gid))?.status;

async function held(gid: string): Promise<LeasedJob> {
  const owner = leases.newOwner();
  const job = newJob(gid, { owner, dueIn: 30_000 });
  await store.insert([job]);
  return LeasedJob.started(job.steps, leases.hold({ gid, owner }, performance.now()), {
    stepName: job.stepName,
    bytes: job.steps.length,
  });
}

it('groups the ends of jobs that come within a moment into one statement', async () => {
  const change = vi.spyOn(store, 'change');
  for (const gid of ['a', 'b', 'c']) {
    const job = await held(gid);
    completer.finish(job.lease, job.completed());
  }
  await passed(3);
  expect(change).not.toHaveBeenCalled();
  await passed(1);
  expect(change.mock.calls.map(([changes]) => changes.map(({ gid }) => gid))).toEqual([['a', 'b', 'c']]);
  expect(await statusOf('a')).toBe('succeeded');
});

it('waits longer for others where the process has several stores, each with its share of the jobs', async () => {
  completer = new JobCompleter(store, leases, undefined, 3);
  const change = vi.spyOn(store, 'change');
  const [first, second] = [await held('a'), await held('b')];
  completer.finish(first.lease, first.completed());
  await passed(11);
  completer.finish(second.lease, second.completed());
  expect(change).not.toHaveBeenCalled();
  await passed(1);
  expect(change.mock.calls.map(([changes]) => changes.length)).toEqual([2]);
});

it('does not let a change wait that somebody waits for, and takes the others along', async () => {
  const [a, b] = [await held('a'), await held('b')];
  completer.finish(a.lease, a.completed());
  const stored = completer.write(b.lease, b.retryLater(1000, 'down'));
  await passed();
  expect(await stored).toBe(true);
  expect(await statusOf('a')).toBe('succeeded');
});

it('gathers what comes while a statement is under way, for the next one', async () => {
  const real = store.change.bind(store);
  const change = vi.spyOn(store, 'change').mockImplementation(async (changes) => {
    await new Promise((resolve) => setTimeout(resolve, 50));
    return real(changes);
  });
  const jobs = [await held('a'), await held('b'), await held('c')];
  const stored = jobs.slice(0, 1).map((job) => completer.write(job.lease, job.handBack(0)));
  await passed(10);
  stored.push(completer.write(jobs[1]!.lease, jobs[1]!.handBack(0)));
  await passed(10);
  stored.push(completer.write(jobs[2]!.lease, jobs[2]!.handBack(0)));
  await passed(200);
  expect(await Promise.all(stored)).toEqual([true, true, true]);
  expect(change.mock.calls.map(([changes]) => changes.length)).toEqual([1, 2]);
});

it('tries again while the store fails, and reports it once', async () => {
  const warn = vi.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
  const change = vi.spyOn(store, 'change').mockRejectedValue(new Error('down'));
  const job = await held('a');
  const stored = completer.write(job.lease, job.retryLater(1000, 'down'));
  await passed(450);
  expect(change.mock.calls.length).toBe(5);
  expect(warn).toHaveBeenCalledTimes(1);
  change.mockRestore();
  await passed(100);
  expect(await stored).toBe(true);
});

it('answers false once the lease is lost, and writes nothing', async () => {
  const change = vi.spyOn(store, 'change');
  const job = await held('a');
  job.lease.lose();
  const stored = completer.write(job.lease, job.retryLater(1000, 'down'));
  await passed();
  expect(await stored).toBe(false);
  expect(change).not.toHaveBeenCalled();
});

it('loses the lease of a job that another process has taken', async () => {
  const job = await held('a');
  const lost = vi.fn();
  job.lease.onLost({ leaseLost: lost });
  vi.setSystemTime(Date.now() + 60_000);
  await store.claim({ owner: 'other', limit: 1, leaseDuration: 30_000, steps: ['ping'] });
  const stored = completer.write(job.lease, job.retryLater(1000, 'down'));
  await passed();
  expect(await stored).toBe(false);
  expect(lost).toHaveBeenCalledTimes(1);
  expect((await store.find('a'))!.owner).toBe('other');
});

it('takes a change as stored whose answer was lost', async () => {
  const real = store.change.bind(store);
  vi.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
  vi.spyOn(store, 'change').mockImplementationOnce(async (changes) => {
    await real(changes);
    throw new Error('connection lost');
  });
  const job = await held('a');
  const stored = completer.write(job.lease, job.failedForGood(3, 'down'));
  await passed(200);
  expect(await stored).toBe(true);
  expect(await statusOf('a')).toBe('failed');
});

it('does not lose the lease of a job that it has handed back, while the answer is on its way', async () => {
  const warn = vi.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
  const real = store.change.bind(store);
  vi.spyOn(store, 'change').mockImplementationOnce(async (changes) => {
    const changed = await real(changes);
    await new Promise((resolve) => setTimeout(resolve, 60_000));
    return changed;
  });
  const job = await held('a');
  const stored = completer.write(job.lease, job.retryLater(1000, 'down'));
  await passed(70_000);
  expect(await stored).toBe(true);
  expect(job.lease.lost).toBe(false);
  expect(warn).not.toHaveBeenCalled();
});

it('writes a change again that a locked row has left out', async () => {
  vi.spyOn(store, 'change').mockImplementationOnce(async () => new Set());
  const job = await held('a');
  const stored = completer.write(job.lease, job.retryLater(1000, 'down'));
  await passed(100);
  expect(await stored).toBe(true);
  expect((await store.find('a'))!.attempts).toBe(1);
});

it('drops the lease of a job with its stored end, not before', async () => {
  const drop = vi.spyOn(leases, 'drop');
  const job = await held('a');
  completer.finish(job.lease, job.completed());
  expect(drop).not.toHaveBeenCalled();
  await passed(10);
  expect(drop).toHaveBeenCalledWith(job.lease);
});

it('flushes all that waits without delay', async () => {
  const job = await held('a');
  completer.finish(job.lease, job.completed());
  const flushed = completer.flush();
  await passed();
  await flushed;
  expect(await statusOf('a')).toBe('succeeded');
});

it('writes an encoded error again as it is, and a plain one in ASCII', async () => {
  vi.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
  const written: (string | null)[] = [];
  const change = store.change.bind(store);
  const refusing: JobStore['change'] = async (changes, onRefused) => {
    written.push(...changes.map(({ error }) => error));
    if (written.length > 2) return change(changes);
    for (const { gid } of changes) onRefused?.(gid, new Error('refused'));
    return new Set();
  };
  vi.spyOn(store, 'change').mockImplementation(refusing);
  const encoded = encodedError({ text: 'x'.repeat(4100) });
  for (const [gid, error] of [
    ['a', encoded],
    ['b', 'é'],
  ] as const) {
    const job = await held(gid);
    void completer.write(job.lease, job.failedForGood(1, error));
  }
  await passed(1000);
  expect(written.slice(0, 2)).toEqual([encoded, 'é']);
  expect(written.slice(2).sort()).toEqual(['\\u{e9}', encoded]);
});

it('leaves the processor alone while it waits for a store that is away, also when everything is to be stored at once', async () => {
  vi.useRealTimers();
  vi.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
  const change = vi.spyOn(store, 'change').mockRejectedValue(new Error('down'));
  const job = await held('a');
  completer.finish(job.lease, job.completed());
  const start = performance.eventLoopUtilization();
  const flushed = completer.flush();
  await vi.waitFor(() => expect(change.mock.calls.length).toBeGreaterThan(5));
  expect(performance.eventLoopUtilization(start).utilization).toBeLessThan(0.5);
  change.mockRestore();
  await flushed;
});
