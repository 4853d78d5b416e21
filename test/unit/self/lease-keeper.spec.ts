import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { MemoryJobStore } from '../../../lib/store/memory.job-store.js';
import type { Lease } from '../../../lib/tm/self/lease.js';
import { LeaseKeeper } from '../../../lib/tm/self/lease-keeper.js';
import { newJob } from './support.js';

const LEASE_MS = 30_000;

let store: MemoryJobStore;
let leases: LeaseKeeper;
const lost = vi.fn();
const warn = vi.fn();

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Logger.prototype, 'warn').mockImplementation(warn);
  store = new MemoryJobStore(() => Date.now());
  leases = new LeaseKeeper(store, LEASE_MS);
});

afterEach(async () => {
  await leases.stop();
  lost.mockClear();
  warn.mockClear();
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const passed = (milliseconds: number) => vi.advanceTimersByTimeAsync(milliseconds);

async function hold(gid: string): Promise<Lease> {
  const owner = leases.newOwner();
  await store.insert([newJob(gid, { owner, dueIn: LEASE_MS })]);
  const lease = leases.hold({ gid, owner }, performance.now());
  lease.onLost({ leaseLost: () => lost(gid) });
  return lease;
}

it('makes a new owner for each claim', () => {
  const owners = new Set(Array.from({ length: 100 }, () => leases.newOwner()));
  expect(owners.size).toBe(100);
  expect(new LeaseKeeper(store, LEASE_MS).newOwner()).not.toBe([...owners][0]);
});

it('renews a lease after a third of it, with one statement for all', async () => {
  const renew = vi.spyOn(store, 'renew');
  const [a, b] = [await hold('a'), await hold('b')];
  await passed(LEASE_MS / 3);
  expect(renew).not.toHaveBeenCalled();
  await passed(LEASE_MS / 10);
  expect(renew.mock.calls.map(([keys]) => keys.map(({ gid }) => gid))).toEqual([['a', 'b']]);
  expect([a.remaining, b.remaining].every((left) => left > LEASE_MS * 0.9)).toBe(true);
  await passed(10 * LEASE_MS);
  expect(leases.isGood(a)).toBe(true);
  expect((await store.find('a'))!.dueAt!.getTime()).toBeGreaterThan(Date.now());
});

it('tries again while the store fails, and gives a lease up when a fifth is left', async () => {
  const renew = vi.spyOn(store, 'renew').mockRejectedValue(new Error('down'));
  const lease = await hold('a');
  await passed(LEASE_MS * 0.79);
  expect(renew.mock.calls.length).toBeGreaterThan(2);
  expect(lost).not.toHaveBeenCalled();
  await passed(LEASE_MS * 0.1);
  expect(lost).toHaveBeenCalledTimes(1);
  expect(lease).toMatchObject({ overdue: true, lost: false });
  expect(leases.isGood(lease)).toBe(false);
  expect(warn).toHaveBeenLastCalledWith(
    'The lease of 1 job is overdue, since it could not be renewed in time: a. A step that still runs is told to stop.',
  );
  await passed(LEASE_MS);
  expect(lost).toHaveBeenCalledTimes(1);
});

it('tells of all leases that are overdue in one line, with five gids and how many there are', async () => {
  vi.spyOn(store, 'renew').mockRejectedValue(new Error('down'));
  for (const gid of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) await hold(gid);
  await passed(LEASE_MS * 2);
  expect(lost).toHaveBeenCalledTimes(7);
  expect(warn.mock.calls.flat().filter((line) => String(line).includes('overdue'))).toEqual([
    'The leases of 7 jobs are overdue, since they could not be renewed in time: a, b, c, d, e and 2 more. Steps that still run are told to stop.',
  ]);
});

it('asks for what is overdue before jobs are claimed, as soon as the store answers', async () => {
  const renew = vi.spyOn(store, 'renew').mockRejectedValue(new Error('down'));
  const [ours, taken] = [await hold('ours'), await hold('taken')];
  await passed(LEASE_MS * 1.5);
  expect([ours.overdue, taken.overdue]).toEqual([true, true]);
  await store.claim({ owner: 'other', limit: 1, leaseDuration: LEASE_MS, steps: ['ping'] });
  const [own, lostOne] = (await store.find('ours'))!.owner === 'other' ? [taken, ours] : [ours, taken];
  renew.mockRestore();
  await leases.afterPause();
  expect(own).toMatchObject({ overdue: false, lost: false });
  expect(leases.isGood(own)).toBe(true);
  expect(lostOne.lost).toBe(true);
});

it('loses the lease of a job that another process has taken', async () => {
  await hold('a');
  vi.setSystemTime(Date.now() + 2 * LEASE_MS);
  await store.claim({ owner: 'other', limit: 1, leaseDuration: LEASE_MS, steps: ['ping'] });
  await passed(LEASE_MS / 2);
  expect(lost).toHaveBeenCalledTimes(1);
  expect(warn).toHaveBeenLastCalledWith(expect.stringContaining('the job was claimed again'));
});

it('keeps the lease of a row that the renewal skipped', async () => {
  const lease = await hold('a');
  vi.spyOn(store, 'renew').mockImplementationOnce(async () => new Set());
  await passed(LEASE_MS / 2);
  expect(lost).not.toHaveBeenCalled();
  await passed(LEASE_MS);
  expect(leases.isGood(lease)).toBe(true);
});

/** As a transactional step does, with its own COMMIT. */
const succeed = async (lease: Lease) => {
  const { gid, owner } = lease;
  const step = { atStep: 0, stepIndex: 0, stepName: 'ping', attempts: 0, attemptLog: null };
  const end = { status: 'succeeded', due: null, release: false, mark: null, crashes: null } as const;
  await store.change([{ gid, owner, ...step, ...end, error: null }]);
};

it('lets the lease of a job go that this process has ended, and heard nothing of yet', async () => {
  const lease = await hold('a');
  await succeed(lease);
  await passed(10 * LEASE_MS);
  expect(lost).not.toHaveBeenCalled();
  expect(warn).not.toHaveBeenCalled();
  expect(lease.lost).toBe(false);
  expect(vi.getTimerCount()).toBe(0);
});

it('does not lose the lease of a job whose end it hears of while it asks what became of the job', async () => {
  const lease = await hold('a');
  vi.spyOn(store, 'findBeside').mockImplementationOnce(async () => {
    leases.drop(lease);
    return null;
  });
  await store.cancel('a');
  await passed(LEASE_MS / 2);
  expect(lost).not.toHaveBeenCalled();
  expect(warn).not.toHaveBeenCalled();
});

it('does not confirm the lease of a job that has ended', async () => {
  const lease = await hold('a');
  await succeed(lease);
  expect(await leases.confirm(lease)).toBe(false);
});

it('ends the lease of a job that was canceled elsewhere, without a word to its step', async () => {
  const lease = await hold('a');
  await store.cancel('a');
  await passed(LEASE_MS / 2);
  expect(lease.lost).toBe(true);
  expect(lost).not.toHaveBeenCalled();
  expect(warn).not.toHaveBeenCalled();
});

it('cancels a lease here at once', async () => {
  const lease = await hold('a');
  leases.cancel('a');
  leases.cancel('unknown');
  expect(lease.lost).toBe(true);
  expect(lost).not.toHaveBeenCalled();
});

it('renews nothing for a job that has ended, and has no timer without leases', async () => {
  const renew = vi.spyOn(store, 'renew');
  const lease = await hold('a');
  expect(vi.getTimerCount()).toBe(1);
  leases.drop(lease);
  expect(vi.getTimerCount()).toBe(0);
  await passed(10 * LEASE_MS);
  expect(renew).not.toHaveBeenCalled();
});

it('loses the older lease of a job that it claims again, and keeps the new one', async () => {
  const older = await hold('a');
  const newer = leases.hold({ gid: 'a', owner: leases.newOwner() }, performance.now());
  expect(lost).toHaveBeenCalledTimes(1);
  leases.drop(older);
  expect(vi.getTimerCount()).toBe(1);
  expect(leases.isGood(newer)).toBe(true);
});

it('confirms a lease at the store', async () => {
  const [a, b] = [await hold('a'), await hold('b')];
  await passed(LEASE_MS / 4);
  await store.cancel('b');
  expect(await leases.confirm(a)).toBe(true);
  expect(a.remaining).toBe(LEASE_MS);
  expect(await leases.confirm(b)).toBe(false);
});
