import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { JobChange } from '../../../lib/store/job-store.js';
import type { JobCompleter } from '../../../lib/tm/self/job-completer.js';
import type { JobRun } from '../../../lib/tm/self/job-run.js';
import { JobRunner } from '../../../lib/tm/self/job-runner.js';
import type { LeaseKeeper } from '../../../lib/tm/self/lease-keeper.js';
import type { LeasedJob } from '../../../lib/tm/self/leased-job.js';
import { leasedJob } from './support.js';

const CONCURRENCY = 2;
/** What may be started here: those that run, and those that wait. */
const CAPACITY = CONCURRENCY + 512;

let written: JobChange[];
let running: Map<string, { end(): void; fail(error: Error): void; stopped?: unknown }>;
let dropped: string[];
let flushes: number;

function runnerOf(runsSteps = true): JobRunner {
  const completer = {
    write: async (_: unknown, change: JobChange) => written.push(change) > 0,
    flush: async () => void (flushes += 1),
  } as unknown as JobCompleter;
  const leases = { drop: ({ gid }: { gid: string }) => dropped.push(gid) } as unknown as LeaseKeeper;
  const runOf = ({ gid }: LeasedJob): JobRun =>
    ({
      run: () =>
        new Promise<void>((resolve, reject) => {
          const ended = (settle: () => void) => () => {
            running.delete(gid);
            settle();
          };
          running.set(gid, { end: ended(resolve), fail: (error) => ended(() => reject(error))() });
        }),
      stop: (reason: unknown) => void (running.get(gid)!.stopped = reason),
    }) as unknown as JobRun;
  return new JobRunner(leases, completer, runOf, CONCURRENCY, runsSteps);
}

const passed = () => vi.advanceTimersByTimeAsync(0);
const gids = () => [...running.keys()];

beforeEach(() => {
  vi.useFakeTimers();
  written = [];
  running = new Map();
  dropped = [];
  flushes = 0;
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

function offer(runner: JobRunner, ...names: string[]): void {
  for (const gid of names) {
    expect(runner.reserve()).toBe(true);
    runner.offer(leasedJob(gid));
  }
}

it('runs nothing before its start, and then as many jobs at once as it may, in order', async () => {
  const runner = runnerOf();
  offer(runner, 'a', 'b', 'c', 'd');
  await passed();
  expect(gids()).toEqual([]);
  runner.start();
  expect(gids()).toEqual(['a', 'b']);
  running.get('b')!.end();
  await passed();
  expect(gids()).toEqual(['a', 'c']);
});

it('goes on after a run that threw, and drops its lease', async () => {
  const error = vi.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
  const runner = runnerOf();
  runner.start();
  offer(runner, 'a', 'b', 'c');
  running.get('a')!.fail(new Error('defect'));
  await passed();
  expect(gids()).toEqual(['b', 'c']);
  expect(dropped).toEqual(['a']);
  expect(error).toHaveBeenCalledTimes(1);
});

it('skips a waiting job whose lease was lost', async () => {
  const runner = runnerOf();
  const lost = leasedJob('lost');
  runner.reserve();
  runner.offer(lost);
  offer(runner, 'a');
  lost.lease.lose();
  runner.start();
  expect(gids()).toEqual(['a']);
});

it('has slots for so many started jobs, and gives one back for each that ends or does not come', async () => {
  const runner = runnerOf();
  runner.start();
  for (let n = 0; n < CAPACITY; n += 1) expect(runner.reserve()).toBe(true);
  expect(runner.reserve()).toBe(false);
  runner.cancelReservation();
  expect(runner.reserve()).toBe(true);
  runner.offer(leasedJob('a'));
  expect(runner.reserve()).toBe(false);
  running.get('a')!.end();
  await passed();
  expect(runner.reserve()).toBe(true);
});

it('counts claimed jobs apart from those that were started here', async () => {
  const runner = runnerOf();
  for (let n = 0; n < CAPACITY; n += 1) runner.offerClaimed(leasedJob(`claimed-${n}`));
  expect(runner.waitingClaims).toBe(CAPACITY);
  offer(runner, 'a');
  runner.start();
  expect(runner.waitingClaims).toBe(CAPACITY - CONCURRENCY);
  expect(runner.begunClaims).toBe(CONCURRENCY);
});

it('tells once when no more than so many claimed jobs wait', async () => {
  const runner = runnerOf();
  runner.start();
  for (const gid of ['a', 'b', 'c', 'd']) runner.offerClaimed(leasedJob(gid));
  const listener = vi.fn();
  runner.whenClaimsBegun(1, listener);
  expect(listener).not.toHaveBeenCalled();
  running.get('a')!.end();
  await passed();
  expect(listener).toHaveBeenCalledTimes(1);
  running.get('b')!.end();
  await passed();
  expect(listener).toHaveBeenCalledTimes(1);
});

it('hands waiting jobs back at its stop, signals those that run, and waits for them', async () => {
  const runner = runnerOf();
  runner.start();
  offer(runner, 'a', 'b', 'c');
  runner.offerClaimed(leasedJob('d'));
  let stopped = false;
  const stopping = runner.stop().then(() => (stopped = true));
  await passed();
  expect(written.map(({ gid, due, release, attempts }) => ({ gid, due, release, attempts }))).toEqual(
    ['c', 'd'].map((gid) => ({ gid, due: 0, release: true, attempts: 0 })),
  );
  expect([...running.values()].map(({ stopped: reason }) => (reason as Error).name)).toEqual([
    'StepInterruptedError',
    'StepInterruptedError',
  ]);
  expect(stopped).toBe(false);
  for (const run of running.values()) run.end();
  await stopping;
  expect(flushes).toBe(1);
});

it('hands back what comes after its stop, and reserves nothing', async () => {
  const runner = runnerOf();
  runner.start();
  expect(runner.reserve()).toBe(true);
  await runner.stop();
  expect(runner.reserve()).toBe(false);
  runner.offer(leasedJob('late'));
  await passed();
  expect(written.map(({ gid }) => gid)).toEqual(['late']);
  expect(gids()).toEqual([]);
});

it('takes no jobs in a process that only starts them', () => {
  const runner = runnerOf(false);
  runner.start();
  expect(runner.takesJobs).toBe(false);
  expect(runner.reserve()).toBe(false);
});
