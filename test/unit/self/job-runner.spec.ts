import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { JobChange } from '../../../lib/store/job-store.js';
import type { JobCompleter } from '../../../lib/tm/self/job-completer.js';
import type { JobRun } from '../../../lib/tm/self/job-run.js';
import { JobRunner } from '../../../lib/tm/self/job-runner.js';
import type { LeaseKeeper } from '../../../lib/tm/self/lease-keeper.js';
import type { LeasedJob } from '../../../lib/tm/self/leased-job.js';
import { ByteBudget } from '../../../lib/tm/self/byte-budget.js';
import { ProcessSlots } from '../../../lib/tm/self/process-slots.js';
import { StepQueues } from '../../../lib/tm/self/step-queues.js';
import { leasedJob, registryOf } from './support.js';

const CONCURRENCY = 2;
const MAX_BYTES = 10_000;
const PLACE = { stepName: 'ping', bytes: 1 };
/** What may be started here: those that run, and those that wait. */
const CAPACITY = CONCURRENCY + 512;

let written: JobChange[];
let running: Map<string, { end(): void; succeed(): void; fail(error: Error): void; stopped?: unknown }>;
let dropped: string[];
let flushes: number;
let woken: number;

function runnerOf({
  runsSteps = true,
  concurrency = CONCURRENCY,
  steps = {} as Record<string, number | undefined>,
} = {}): JobRunner {
  const completer = {
    write: async (_: unknown, change: JobChange) => written.push(change) > 0,
    close: () => undefined,
    flush: async () => void (flushes += 1),
    isAway: false,
    whenAway: () => undefined,
  } as unknown as JobCompleter;
  const leases = { drop: ({ gid }: { gid: string }) => dropped.push(gid) } as unknown as LeaseKeeper;
  const runOf = (job: LeasedJob): JobRun =>
    ({
      next: () =>
        new Promise<boolean>((resolve, reject) => {
          const { gid } = job;
          const ended = (settle: () => void) => () => {
            running.delete(gid);
            settle();
          };
          const succeed = (): void => {
            job.advance(job.completed());
            resolve(true);
          };
          running.set(gid, {
            end: ended(() => resolve(false)),
            fail: (error) => ended(() => reject(error))(),
            succeed,
          });
        }),
      end: () => void running.delete(job.gid),
      stop: (reason: unknown) => void (running.get(job.gid)!.stopped = reason),
    }) as unknown as JobRun;
  const queues = new StepQueues(registryOf({ ping: undefined, ...steps }), new ProcessSlots(concurrency));
  const wake = (): void => void (woken += 1);
  return new JobRunner(leases, completer, runOf, queues, new ByteBudget(MAX_BYTES), { runsSteps, wake });
}

const passed = () => vi.advanceTimersByTimeAsync(0);
const gids = () => [...running.keys()];

beforeEach(() => {
  vi.useFakeTimers();
  written = [];
  running = new Map();
  dropped = [];
  flushes = 0;
  woken = 0;
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

function offer(runner: JobRunner, ...names: string[]): void {
  for (const gid of names) {
    expect(runner.reserve(PLACE)).toBe(true);
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
  runner.reserve(PLACE);
  runner.offer(lost);
  offer(runner, 'a');
  lost.lease.lose();
  runner.start();
  expect(gids()).toEqual(['a']);
});

it('has slots for so many started jobs, and gives one back for each that ends or does not come', async () => {
  const runner = runnerOf();
  runner.start();
  for (let n = 0; n < CAPACITY; n += 1) expect(runner.reserve(PLACE)).toBe(true);
  expect(runner.reserve(PLACE)).toBe(false);
  runner.cancelReservation(PLACE);
  expect(runner.reserve(PLACE)).toBe(true);
  runner.offer(leasedJob('a'));
  expect(runner.reserve(PLACE)).toBe(false);
  running.get('a')!.end();
  await passed();
  expect(runner.reserve(PLACE)).toBe(true);
});

it('counts claimed jobs apart from those that were started here', () => {
  const runner = runnerOf();
  for (let n = 0; n < CAPACITY; n += 1) offer(runner, `started-${n}`);
  expect(runner.claimRoom()).toMatchObject({ names: ['ping'], complete: true });
  for (let n = 0; n < CONCURRENCY; n += 1) runner.offerClaimed([leasedJob(`claimed-${n}`)]);
  expect(runner.claimRoom()).toBeUndefined();
});

it('leaves a step with enough waiting jobs out of claims, and tells once when it may be claimed again', async () => {
  const runner = runnerOf({ steps: { pong: undefined } });
  const listener = vi.fn();
  runner.whenRoom(listener);
  runner.start();
  for (const gid of ['a', 'b', 'c', 'd']) runner.offerClaimed([leasedJob(gid)]);
  expect(runner.claimRoom()).toMatchObject({ names: ['pong'], complete: false });
  expect(listener).not.toHaveBeenCalled();
  running.get('a')!.end();
  await passed();
  expect(listener).toHaveBeenCalledTimes(1);
  running.get('b')!.end();
  await passed();
  expect(listener).toHaveBeenCalledTimes(1);
});

it('runs one step in 7 of 8 slots, of those that the others leave, and never lets its jobs block others', async () => {
  const runner = runnerOf({ concurrency: 32, steps: { slow: undefined, slower: undefined } });
  runner.start();
  const start = (stepName: string, count: number): void => {
    for (let n = 0; n < count; n += 1) {
      expect(runner.reserve({ stepName, bytes: 1 })).toBe(true);
      runner.offer(leasedJob(`${stepName}-${n}`, 'owner', stepName));
    }
  };
  const ofStep = (stepName: string) => gids().filter((gid) => gid.startsWith(`${stepName}-`));
  start('slow', 100);
  expect(ofStep('slow')).toHaveLength(28);
  start('slower', 100);
  expect(ofStep('slower')).toHaveLength(3);
  start('ping', 2);
  expect(ofStep('ping')).toEqual(['ping-0']);
  running.get('ping-0')!.end();
  await passed();
  expect(ofStep('ping')).toEqual(['ping-1']);
});

it('claims more after a claim that took all slots, however fast its jobs were, and a few after one that did not', async () => {
  const runner = runnerOf({ concurrency: 4 });
  runner.start();
  const drain = async (...jobs: string[]) => {
    runner.offerClaimed(jobs.map((gid) => leasedJob(gid)));
    for (const gid of jobs) running.get(gid)!.end();
    await passed();
  };
  expect(runner.claimRoom()!.room).toBe(Infinity);
  await drain('a', 'b', 'c', 'd');
  expect(runner.claimRoom()!.room).toBe(1000);
  await drain('e');
  expect(runner.claimRoom()!.room).toBe(Infinity);
});

it('keeps to the limit of a step, and runs its jobs in order', async () => {
  const runner = runnerOf({ concurrency: 4, steps: { one: 1 } });
  runner.start();
  for (const gid of ['a', 'b', 'c']) runner.offerClaimed([leasedJob(gid, 'owner', 'one')]);
  runner.offerClaimed([leasedJob('other')]);
  expect(gids()).toEqual(['a', 'other']);
  running.get('a')!.end();
  await passed();
  expect(gids()).toEqual(['other', 'b']);
});

it('lets a job wait whose next step is at its limit, and gives its slot to another', async () => {
  const runner = runnerOf({ concurrency: 4, steps: { pong: 1 } });
  runner.start();
  offer(runner, 'a', 'b', 'c', 'd');
  running.get('a')!.succeed();
  running.get('b')!.succeed();
  await passed();
  expect(gids()).toEqual(['a', 'c', 'd']);
  expect(written).toEqual([]);
  running.get('a')!.end();
  await passed();
  expect(gids()).toEqual(['c', 'd', 'b']);
});

it('hands back the last jobs, which cannot begin soon, by how long the step has been taking', async () => {
  const runner = runnerOf();
  runner.start();
  offer(runner, ...Array.from({ length: 100 }, (_, n) => `job-${n}`));
  await vi.advanceTimersByTimeAsync(999);
  expect(written).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  // Two run, each for a second by now: two more can begin within the next second.
  expect(written.map(({ gid }) => gid)).toEqual(Array.from({ length: 96 }, (_, n) => `job-${n + 4}`));
  expect(written[0]).toMatchObject({ due: 0, release: true, attempts: 0, mark: null });
  expect(woken).toBe(1);
  expect(runner.reserve(PLACE)).toBe(false);
});

it('takes many jobs of a step that has been quick, and few of one that has been slow', async () => {
  const runner = runnerOf();
  runner.start();
  offer(runner, 'quick');
  await vi.advanceTimersByTimeAsync(10);
  running.get('quick')!.end();
  await passed();
  for (let n = 0; n < 100; n += 1) runner.offerClaimed([leasedJob(`claimed-${n}`)]);
  expect(runner.claimRoom()).toMatchObject({ names: ['ping'], room: 102 });
  await vi.advanceTimersByTimeAsync(500);
  expect(runner.claimRoom()).toBeUndefined();
});

it('holds no more bytes than its budget, but a larger job when there is no other', async () => {
  const runner = runnerOf();
  runner.start();
  const place = (bytes: number) => ({ stepName: 'ping', bytes });
  expect(runner.reserve(place(MAX_BYTES * 2))).toBe(true);
  expect(runner.reserve(PLACE)).toBe(false);
  expect(runner.claimRoom()).toBeUndefined();
  const listener = vi.fn();
  runner.whenRoom(listener);
  runner.cancelReservation(place(MAX_BYTES * 2));
  expect(listener).toHaveBeenCalledTimes(1);

  runner.offerClaimed([leasedJob('large', 'owner', 'ping', MAX_BYTES * 0.75)]);
  expect(runner.claimRoom()).toMatchObject({ maxBytes: MAX_BYTES / 4, maxLone: MAX_BYTES / 4 });
  expect(runner.reserve(place(MAX_BYTES / 4))).toBe(true);
  expect(runner.claimRoom()).toBeUndefined();
  running.get('large')!.end();
  await passed();
  expect(runner.claimRoom()).toMatchObject({ maxLone: MAX_BYTES * 0.75 });
});

it('hands waiting jobs back at its stop, signals those that run, and waits for them', async () => {
  const runner = runnerOf();
  runner.start();
  offer(runner, 'a', 'b', 'c');
  runner.offerClaimed([leasedJob('d')]);
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
  expect(runner.reserve(PLACE)).toBe(true);
  await runner.stop();
  expect(runner.reserve(PLACE)).toBe(false);
  runner.offer(leasedJob('late'));
  await passed();
  expect(written.map(({ gid }) => gid)).toEqual(['late']);
  expect(gids()).toEqual([]);
});

it('takes no jobs in a process that only starts them', () => {
  const runner = runnerOf({ runsSteps: false });
  runner.start();
  expect(runner.takesJobs).toBe(false);
  expect(runner.reserve(PLACE)).toBe(false);
});
