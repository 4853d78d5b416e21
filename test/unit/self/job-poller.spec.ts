import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { MemoryJobStore } from '../../../lib/store/memory.job-store.js';
import { ByteBudget } from '../../../lib/tm/self/byte-budget.js';
import { JobPoller } from '../../../lib/tm/self/job-poller.js';
import { SteppingEventBus } from '../../../lib/core/events/event-bus.js';
import type { SteppingEventName, SteppingEvents } from '../../../lib/core/events/stepping-events.js';
import type { JobRunner } from '../../../lib/tm/self/job-runner.js';
import { LeaseKeeper } from '../../../lib/tm/self/lease-keeper.js';
import type { PreparedJobs } from '../../../lib/tm/self/prepared-jobs.js';
import { CONCURRENCY, FakeRunner, MAX_BYTES } from './fake-runner.js';
import { newJob } from './support.js';

let store: MemoryJobStore;
let runner: FakeRunner;
let poller: JobPoller;
let leases: LeaseKeeper;
let told: SteppingEvents[SteppingEventName][];
const settlePrepared = vi.fn(async (_jobs: readonly { gid: string }[]) => undefined);

beforeEach(() => {
  vi.useFakeTimers();
  store = new MemoryJobStore(() => Date.now());
  runner = new FakeRunner();
  leases = new LeaseKeeper(store, 30_000);
  told = [];
  const events = new SteppingEventBus();
  for (const name of ['recovery.stopped', 'recovery.resumed', 'job.taken-over'] as const) {
    events.subscribe(name, { place: 'test', call: (event) => void told.push(event) });
  }
  const prepared = { settle: settlePrepared } as unknown as PreparedJobs;
  const budget = new ByteBudget(4 * MAX_BYTES);
  poller = new JobPoller(store, leases, runner as unknown as JobRunner, budget, prepared, events);
});

afterEach(async () => {
  await poller.stop();
  await leases.stop();
  settlePrepared.mockClear();
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const insert = (count: number, dueIn = 0) =>
  store.insert(
    Array.from({ length: count }, (_, n) => newJob(`job-${String(n).padStart(3, '0')}`, { dueIn })),
  );
const passed = (milliseconds = 0) => vi.advanceTimersByTimeAsync(milliseconds);

it('claims nothing before its start', async () => {
  await insert(1);
  poller.wake(0);
  await passed(1000);
  expect(runner.waiting).toEqual([]);
});

it('claims what is due, under a lease of its own', async () => {
  await insert(2);
  poller.start();
  await passed();
  expect(runner.waiting.map(({ gid }) => gid)).toEqual(['job-000', 'job-001']);
  const record = await store.find('job-000');
  expect(record!.owner).toBe(runner.waiting[0]!.lease.owner);
  expect(runner.waiting[0]!.lease.remaining).toBe(30_000);
});

it('claims again at once while batches come back full and there is room', async () => {
  const claim = vi.spyOn(store, 'claim');
  await insert(10);
  poller.start();
  await passed();
  // The first batch is all that waits: the next one is claimed when half of it has begun.
  expect(claim).toHaveBeenCalledTimes(1);
  expect(runner.waiting).toHaveLength(CONCURRENCY);
  const begun: string[] = [];
  while (runner.waiting.length > 0) {
    begun.push(...runner.begin(2));
    await passed();
  }
  expect(new Set(begun).size).toBe(10);
  expect(claim.mock.calls.length).toBeLessThanOrEqual(5);
});

it('claims at once again after a claim that its bytes have ended', async () => {
  const claim = vi.spyOn(store, 'claim');
  const steps = JSON.stringify([{ step: 'ping', args: 'x'.repeat(MAX_BYTES * 0.75) }]);
  await store.insert(['a', 'b'].map((gid) => newJob(gid, { steps })));
  poller.start();
  await passed();
  expect(runner.waiting.map(({ gid }) => gid)).toEqual(['a', 'b']);
  expect(claim).toHaveBeenCalledTimes(3);
});

it('claims the jobs of other steps while one is left out, at once as long as there are more', async () => {
  await insert(10);
  await store.insert(Array.from({ length: 6 }, (_, n) => newJob(`pong-${n}`, { stepName: 'pong' })));
  runner.leftOut = ['ping'];
  poller.start();
  await passed();
  expect(runner.begin(4)).toHaveLength(4);
  await passed();
  expect(runner.waiting.map(({ gid }) => gid)).toEqual(['pong-4', 'pong-5']);
});

it('takes prepared jobs only while there is no room for others', async () => {
  runner.takesJobs = false;
  await insert(1);
  await store.insert([newJob('prepared', { status: 'prepared', owner: 'somebody', lookup: '{}' })]);
  poller.start();
  await passed();
  expect(runner.waiting).toEqual([]);
  expect(settlePrepared.mock.calls.flatMap(([jobs]) => jobs.map(({ gid }) => gid))).toEqual(['prepared']);
});

it('wakes when a delayed job is due, at the earliest of several wakes', async () => {
  await insert(1, 500);
  poller.start();
  await passed();
  poller.wake(2_000);
  poller.wake(500);
  poller.wake(1_000);
  await passed(499);
  expect(runner.waiting).toEqual([]);
  await passed(2);
  expect(runner.waiting).toHaveLength(1);
});

it('survives a store that throws, and reports the outage once', async () => {
  const error = vi.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
  const log = vi.spyOn(Logger.prototype, 'log').mockImplementation(() => undefined);
  const claim = vi.spyOn(store, 'claim').mockRejectedValue(new Error('down'));
  await insert(1);
  poller.start();
  for (let tick = 0; tick < 3; tick += 1) {
    await passed(1000);
    poller.tick();
  }
  await passed();
  expect(claim).toHaveBeenCalledTimes(4);
  expect(error).toHaveBeenCalledTimes(1);
  expect(poller.recoveryState).toMatchObject({ lastRunAt: null, error: { message: 'down' } });
  expect(told).toMatchObject([{ event: 'recovery.stopped', error: { message: 'down' } }]);

  claim.mockRestore();
  poller.tick();
  await passed();
  expect(runner.waiting).toHaveLength(1);
  expect(log).toHaveBeenCalledTimes(1);
  expect(poller.recoveryState).toEqual({ lastRunAt: new Date(), error: null });
  expect(told.slice(1)).toEqual([{ event: 'recovery.resumed' }]);
});

it('tells which jobs it takes over', async () => {
  vi.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
  await store.insert([newJob('idle', { owner: 'gone' }), newJob('new')]);
  await passed(1);
  poller.start();
  await passed();
  expect(told).toEqual([{ event: 'job.taken-over', gid: 'idle', stepName: 'ping', crashed: false }]);
});

it('does not overlap itself, and looks once more for those who woke it meanwhile', async () => {
  let underWay = 0;
  const claim = vi.spyOn(store, 'claim').mockImplementation(async () => {
    expect((underWay += 1)).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 100));
    underWay -= 1;
    return [];
  });
  poller.start();
  for (let wake = 0; wake < 5; wake += 1) {
    await passed(10);
    poller.wake(0);
  }
  await passed(1000);
  expect(claim).toHaveBeenCalledTimes(2);
});

it('claims nothing after its stop, which waits for the claim under way', async () => {
  const claim = vi
    .spyOn(store, 'claim')
    .mockImplementation(() => new Promise((resolve) => setTimeout(() => resolve([]), 100)));
  poller.start();
  poller.wake(0);
  let stopped = false;
  const stopping = poller.stop().then(() => (stopped = true));
  await passed(99);
  expect(stopped).toBe(false);
  await passed(1);
  await stopping;
  poller.wake(0);
  poller.wake(500);
  expect(vi.getTimerCount()).toBe(0);
  await passed(1000);
  expect(claim).toHaveBeenCalledTimes(1);
});
