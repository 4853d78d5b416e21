import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { MemoryJobStore } from '../../../lib/store/memory.job-store.js';
import { ByteBudget } from '../../../lib/tm/self/byte-budget.js';
import { JobPoller } from '../../../lib/tm/self/job-poller.js';
import type { JobRunner } from '../../../lib/tm/self/job-runner.js';
import { LeaseKeeper } from '../../../lib/tm/self/lease-keeper.js';
import type { PreparedJobs } from '../../../lib/tm/self/prepared-jobs.js';
import { CONCURRENCY, FakeRunner, MAX_BYTES } from './fake-runner.js';
import { newJob } from './support.js';

let store: MemoryJobStore;
let runner: FakeRunner;
let poller: JobPoller;
let leases: LeaseKeeper;

beforeEach(() => {
  vi.useFakeTimers();
  store = new MemoryJobStore(() => Date.now());
  runner = new FakeRunner();
  leases = new LeaseKeeper(store, 30_000);
  const prepared = { settle: async () => undefined } as unknown as PreparedJobs;
  const budget = new ByteBudget(4 * MAX_BYTES);
  poller = new JobPoller(store, leases, runner as unknown as JobRunner, budget, prepared);
});

afterEach(async () => {
  await poller.stop();
  await leases.stop();
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const insert = (count: number) =>
  store.insert(Array.from({ length: count }, (_, n) => newJob(`job-${String(n).padStart(3, '0')}`)));
const passed = (milliseconds = 0) => vi.advanceTimersByTimeAsync(milliseconds);

it('claims nothing for due jobs while it has no room, and all of them once it has', async () => {
  await insert(CONCURRENCY);
  poller.start();
  await passed();
  expect(runner.waiting).toHaveLength(CONCURRENCY);
  const claim = vi.spyOn(store, 'claim');
  await store.insert([newJob('one-more')]);
  for (let wake = 0; wake < 5; wake += 1) {
    poller.wakeForJobs(0);
    poller.wakeByNotification();
    poller.wakeForJobs(10);
    await passed(100);
  }
  expect(claim).not.toHaveBeenCalled();
  runner.begin(2);
  await passed();
  expect(runner.waiting.map(({ gid }) => gid)).toContain('one-more');
});

it('claims nothing for due jobs where no steps run', async () => {
  runner.takesJobs = false;
  poller.start();
  await passed();
  const claim = vi.spyOn(store, 'claim');
  poller.wakeForJobs(0);
  poller.wakeForJobs(50);
  await passed(100);
  expect(claim).not.toHaveBeenCalled();
  poller.tick();
  await passed();
  expect(claim).toHaveBeenCalledTimes(1);
});

it('claims once more for jobs that become due during a claim, if it has room then', async () => {
  poller.start();
  await passed();
  const original = store.claim.bind(store);
  const claim = vi.spyOn(store, 'claim').mockImplementationOnce(async (request) => {
    const claimed = await original(request);
    await insert(1);
    poller.wakeForJobs(0);
    return claimed;
  });
  poller.tick();
  await passed();
  expect(runner.waiting).toHaveLength(1);
  expect(claim).toHaveBeenCalledTimes(2);

  await store.insert(Array.from({ length: 3 }, (_, n) => newJob(`more-${n}`)));
  claim.mockImplementationOnce(async (request) => {
    poller.wakeForJobs(0);
    return original(request);
  });
  poller.tick();
  await passed();
  expect(runner.waiting).toHaveLength(CONCURRENCY);
  expect(claim).toHaveBeenCalledTimes(3);
});

/** Ten notifications in every 10 ms. */
async function flood(milliseconds: number): Promise<void> {
  for (let at = 0; at < milliseconds; at += 10) {
    for (let n = 0; n < 10; n += 1) poller.wakeByNotification();
    await passed(10);
  }
}

it('claims at once when it is notified, however often before in vain', async () => {
  poller.start();
  await passed();
  await flood(2000);
  await passed(1000);
  const claim = vi.spyOn(store, 'claim');
  await insert(1);
  poller.wakeByNotification();
  await passed();
  expect(claim).toHaveBeenCalledTimes(1);
  expect(runner.waiting).toHaveLength(1);
});

it('claims seldom in a flood of notifications', async () => {
  poller.start();
  await passed();
  const claim = vi.spyOn(store, 'claim');
  await flood(5000);
  // A few at once, and then twenty in a second.
  expect(claim.mock.calls.length).toBeGreaterThan(20);
  expect(claim.mock.calls.length).toBeLessThanOrEqual(10 + 100 + 1);
});

it('finds jobs in a flood of notifications, and claims once more for each', async () => {
  poller.start();
  await passed();
  await flood(1000);
  const claim = vi.spyOn(store, 'claim');
  for (let n = 0; n < 20; n += 1) {
    await store.insert([newJob(`flood-${n}`)]);
    await flood(100);
    expect(runner.begin(1)).toEqual([`flood-${n}`]);
  }
  // Two seconds.
  expect(claim.mock.calls.length).toBeLessThanOrEqual(40 + 2 * 20 + 1);
});

it('claims for every notification that is about a job', async () => {
  poller.start();
  await passed();
  for (let n = 0; n < 100; n += 1) {
    await store.insert([newJob(`busy-${n}`)]);
    poller.wakeByNotification();
    await passed();
    expect(runner.begin(1)).toEqual([`busy-${n}`]);
  }
});

it('claims once more for a notification that comes during a claim', async () => {
  poller.start();
  await passed();
  const original = store.claim.bind(store);
  const claim = vi.spyOn(store, 'claim').mockImplementationOnce(async (request) => {
    const claimed = await original(request);
    // Committed after the claim has looked.
    await insert(1);
    poller.wakeByNotification();
    poller.wakeByNotification();
    return claimed;
  });
  poller.wakeByNotification();
  await passed();
  expect(runner.waiting).toHaveLength(1);
  expect(claim).toHaveBeenCalledTimes(2);
});
