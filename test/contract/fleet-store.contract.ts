import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newGid } from '../../lib/core/jobs/gid.js';
import { addBins, noBins } from '../../lib/core/operations/histogram.js';
import {
  HOUR_MS,
  MINUTE_MS,
  type CountedRow,
  type FleetStore,
  type ProcessReport,
} from '../../lib/store/fleet/fleet-store.js';
import type { JobStore } from '../../lib/store/job-store.js';
import { claimAll, newJob, success } from './support.js';

/** As long as the random part of an owner. */
const PROCESS = 'abcdefghijkl';
const DAY = 24 * HOUR_MS;
/** Two clocks of one machine may differ, and the test takes time in between. */
const PATIENCE = 20_000;

export interface FleetHarness {
  readonly fleet: FleetStore;
  /** On the same tables. */
  readonly jobs: JobStore;
  close(): Promise<void>;
}

function report(values: Partial<ProcessReport> = {}): ProcessReport {
  return {
    id: PROCESS,
    name: 'höst:1',
    host: 'höst',
    pid: 1,
    version: '0.1.0',
    state: 'alive',
    runsSteps: true,
    startedAgo: 5_000,
    recoveredAgo: null,
    concurrency: 32,
    running: 1,
    waiting: 2,
    steps: ['first', 'é🙂 "quoted" \\u00e9'],
    busy: [{ gid: 'a', step: 'é🙂', forMs: 1234.5 }],
    ...values,
  };
}

function row(bucket: number, values: Partial<CountedRow> = {}): CountedRow {
  const counts = { succeeded: 3, failed: 2, gaveUp: 1, jobsSucceeded: 2, runMs: 12.5, waitMs: 0.25 };
  return {
    ...{ bucket, step: 'first', process: PROCESS, ...counts, runBins: '3:4,7:1', waitBins: '0:5' },
    ...values,
  };
}

/** What every `FleetStore` must do; a spec per implementation calls it. */
export function describeFleetStore(title: string, open: () => Promise<FleetHarness>): void {
  describe(`FleetStore contract: ${title}`, () => {
    let harness: FleetHarness;
    let fleet: FleetStore;
    let jobs: JobStore;
    let minute: number;
    let hour: number;

    beforeEach(async () => {
      harness = await open();
      ({ fleet, jobs } = harness);
      const now = await fleet.now();
      minute = Math.floor(now / MINUTE_MS) * MINUTE_MS;
      hour = Math.floor(now / HOUR_MS) * HOUR_MS;
    });
    afterEach(() => harness.close());

    it('tells the time', async () => {
      expect(Math.abs((await fleet.now()) - Date.now())).toBeLessThan(PATIENCE);
    });

    describe('processes', () => {
      it('gives back what a process has told, with times of its own clock', async () => {
        await fleet.announce(report());
        const [found] = await fleet.processes(DAY);
        const { startedAgo, recoveredAgo, ...told } = report();
        expect(found).toMatchObject({ ...told, recoveredAt: null });
        expect(Math.abs(found!.seenAt.getTime() - Date.now())).toBeLessThan(PATIENCE);
        expect(found!.seenAt.getTime() - found!.startedAt.getTime()).toBeGreaterThanOrEqual(startedAgo - 100);
        expect(recoveredAgo).toBeNull();
      });

      it('keeps start and steps when the process tells again, and knows when there is no row', async () => {
        expect(await fleet.beat(report())).toBe(false);
        await fleet.announce(report());
        const [before] = await fleet.processes(DAY);
        expect(
          await fleet.beat(
            report({ startedAgo: 0, recoveredAgo: 60_000, running: 7, state: 'stopping', busy: [] }),
          ),
        ).toBe(true);
        const [after] = await fleet.processes(DAY);
        expect(after).toMatchObject({
          startedAt: before!.startedAt,
          steps: before!.steps,
          running: 7,
          state: 'stopping',
          busy: [],
        });
        expect(after!.seenAt.getTime() - after!.recoveredAt!.getTime()).toBeGreaterThanOrEqual(59_900);
      });

      it('writes a row once when the answer to the first time was lost', async () => {
        await fleet.announce(report());
        await fleet.announce(report());
        expect(await fleet.processes(DAY)).toHaveLength(1);
      });

      it('forgets one, and those that have been silent', async () => {
        await fleet.announce(report());
        await fleet.announce(report({ id: 'mnopqrstuvwx' }));
        await fleet.forget('mnopqrstuvwx');
        expect((await fleet.processes(DAY)).map(({ id }) => id)).toEqual([PROCESS]);
        await fleet.forgetSilent(DAY);
        expect(await fleet.processes(DAY)).toHaveLength(1);
        expect(await fleet.processes(-PATIENCE)).toEqual([]);
        await fleet.forgetSilent(-PATIENCE);
        expect(await fleet.processes(DAY)).toEqual([]);
      });
    });

    describe('counts', () => {
      const range = () => ({ from: minute - HOUR_MS, to: minute + MINUTE_MS });

      it('adds rows up, by step and by time', async () => {
        await fleet.write([
          row(minute),
          row(minute, { process: 'other' }),
          row(minute - MINUTE_MS),
          row(minute, { step: 'é🙂' }),
        ]);
        const bySteps = await fleet.countedBySteps(range());
        expect(bySteps.find(({ step }) => step === 'first')).toEqual({
          step: 'first',
          ...{ succeeded: 9, failed: 6, gaveUp: 3, jobsSucceeded: 6, runMs: 37.5, waitMs: 0.75 },
        });
        expect(bySteps.find(({ step }) => step === 'é🙂')).toMatchObject({ succeeded: 3 });
        const byTime = await fleet.countedByTime(range());
        expect(new Map(byTime.map(({ bucket, succeeded }) => [bucket, succeeded]))).toEqual(
          new Map([
            [minute, 9],
            [minute - MINUTE_MS, 3],
          ]),
        );
        const [ofStep] = await fleet.countedByTime({ ...range(), step: 'é🙂' });
        expect(ofStep).toMatchObject({ bucket: minute, succeeded: 3 });
        expect(await fleet.bins(range())).toContainEqual({
          step: 'é🙂',
          runBins: '3:4,7:1',
          waitBins: '0:5',
        });
      });

      it('takes the end of a range for the next one', async () => {
        await fleet.write([row(minute)]);
        expect(await fleet.countedBySteps({ from: minute - HOUR_MS, to: minute })).toEqual([]);
        expect(await fleet.countedBySteps({ from: minute, to: minute + 1 })).toHaveLength(1);
      });

      it('writes a row over: a write whose answer was lost counts once', async () => {
        await fleet.write([row(minute)]);
        await fleet.write([row(minute, { succeeded: 5 })]);
        expect(await fleet.countedBySteps(range())).toMatchObject([{ succeeded: 5 }]);
      });

      it('writes many rows', async () => {
        const many = Array.from({ length: 1200 }, (_, at) => row(minute, { step: `step-${at}` }));
        await fleet.write(many);
        expect(await fleet.countedBySteps(range())).toHaveLength(1200);
      });

      it('makes hours of old minutes, over all processes, and loses nothing', async () => {
        const old = hour - 4 * HOUR_MS;
        await fleet.write([
          row(old),
          row(old + MINUTE_MS, { process: 'gone' }),
          row(old + HOUR_MS - MINUTE_MS, { step: 'second' }),
          row(old + HOUR_MS),
          row(minute),
        ]);
        for (let more = true; more;) more = await fleet.rollUp();
        // Somebody has come late.
        await fleet.write([row(old + 2 * MINUTE_MS)]);
        for (let more = true; more;) more = await fleet.rollUp();
        const all = await fleet.countedByTime({ from: old - DAY, to: minute + MINUTE_MS });
        expect(new Map(all.map(({ bucket, succeeded }) => [bucket, succeeded]))).toEqual(
          new Map([
            [old, 12],
            [old + HOUR_MS, 3],
            [minute, 3],
          ]),
        );
        expect((await fleet.countedByTime({ from: old, to: old + 1 }))[0]).toMatchObject({
          failed: 8,
          gaveUp: 4,
          jobsSucceeded: 8,
          runMs: 50,
          waitMs: 1,
        });
        const bins = await fleet.bins({ from: old, to: old + 1 });
        const sum = noBins();
        for (const { runBins } of bins) addBins(sum, runBins);
        expect(bins).toHaveLength(2);
        expect([sum[3], sum[7]]).toEqual([16, 4]);
      });

      it('lets one at a time make hours, so that each minute counts once', async () => {
        const old = hour - 4 * HOUR_MS;
        const minutes = Array.from({ length: 60 }, (_, at) =>
          ['a', 'b', 'c'].map((process) => row(old + at * MINUTE_MS, { process })),
        );
        await fleet.write(minutes.flat());
        for (let more = true; more;)
          more = (await Promise.all([fleet.rollUp(), fleet.rollUp(), fleet.rollUp()])).some(Boolean);
        expect(await fleet.countedByTime({ from: old, to: old + HOUR_MS })).toMatchObject([
          { bucket: old, succeeded: 540 },
        ]);
      });

      it('deletes hours that nobody asks for any more', async () => {
        const ancient = hour - 91 * DAY;
        await fleet.write([row(ancient, { process: '' }), row(hour - 89 * DAY, { process: '' })]);
        for (let more = true; more;) more = await fleet.rollUp();
        const left = await fleet.countedByTime({ from: ancient, to: hour });
        expect(left.map(({ bucket }) => bucket)).toEqual([hour - 89 * DAY]);
      });
    });

    describe('jobs', () => {
      it('tells due, held, waiting, prepared and failed jobs apart', async () => {
        const failing = newJob({ stepName: 'second' });
        await jobs.insert([failing]);
        await fail(failing.gid);
        await jobs.insert([
          newJob({ dueIn: -120_000 }),
          newJob(),
          newJob({ stepName: 'é🙂' }),
          newJob({ owner: `${PROCESS}.1`, dueIn: 60_000 }),
          newJob({ owner: `${PROCESS}.2`, dueIn: -5_000 }),
          newJob({ dueIn: 3_600_000 }),
          newJob({ status: 'prepared', owner: `${PROCESS}.3`, dueIn: 60_000 }),
          newJob({ status: 'prepared', dueIn: -1_000 }),
        ]);
        const counts = await fleet.jobs();
        expect(Math.abs(counts.at.getTime() - Date.now())).toBeLessThan(PATIENCE);
        const due = new Map(
          counts.due.map(({ step, process, jobs: count }) => [`${step} ${process}`, count]),
        );
        expect(due).toEqual(
          new Map([
            ['first null', 2],
            ['é🙂 null', 1],
            [`first ${PROCESS}`, 1],
          ]),
        );
        const oldest = counts.due.find(({ step, process }) => step === 'first' && process === null)!.oldest;
        expect(counts.at.getTime() - oldest.getTime()).toBeGreaterThanOrEqual(119_000);
        const later = (status: string, process: string | null) =>
          counts.later
            .filter((group) => group.status === status && group.process === process)
            .reduce((sum, group) => sum + group.jobs, 0);
        expect([later('submitted', PROCESS), later('submitted', null)]).toEqual([1, 1]);
        expect([later('prepared', PROCESS), later('prepared', null)]).toEqual([1, 1]);
        expect(counts).toMatchObject({ moreDue: false, moreLater: false, failed: 1, moreFailed: false });
      });

      it('stops counting at its limit', async () => {
        for (let batch = 0; batch < 6; batch += 1)
          await jobs.insert(Array.from({ length: 2_000 }, () => newJob()));
        const counts = await fleet.jobs();
        expect(counts.moreDue).toBe(true);
        expect(counts.due.reduce((sum, group) => sum + group.jobs, 0)).toBeLessThanOrEqual(10_001);
      });

      it('tells the last failed jobs, with the name of their error', async () => {
        const gids = ['a', 'b', 'c'].map((letter) => `${letter}-${randomUUID()}`);
        await jobs.insert(gids.map((gid) => newJob({ gid })));
        for (const gid of gids) await fail(gid, 'PaymentError', 'PaymentError: refüsed\n    at somewhere');
        const found = await fleet.failures(2);
        expect(found.map(({ gid }) => gid)).toEqual([gids[2], gids[1]]);
        expect(found[0]).toMatchObject({
          step: 'first',
          errorName: 'PaymentError',
          error: 'PaymentError: refüsed\n    at somewhere',
        });
        expect(Math.abs(found[0]!.endedAt.getTime() - Date.now())).toBeLessThan(PATIENCE);

        // It goes with the error.
        await jobs.retry(gids[2]!);
        await fail(gids[2]!, undefined, 'another one');
        expect((await fleet.failures(1))[0]).toMatchObject({ errorName: null, error: 'another one' });
      });

      it('gives half of what it tells to gids that the library made, whatever other gids there are', async () => {
        const made = (count: number) => Array.from({ length: count }, () => newGid());
        const own = ['0-first', '.below', 'webhook:1', 'webhook:2', 'webhook:3', 'webhook:4'];
        await jobs.insert(own.map((gid) => newJob({ gid })));
        for (const gid of own) await fail(gid);
        const told = async (limit: number) => (await fleet.failures(limit)).map(({ gid }) => gid);
        expect(new Set(await told(6))).toEqual(new Set(own));
        expect(new Set(await told(5))).toEqual(new Set(own.filter((gid) => gid !== '.below')));

        const one = made(1);
        await jobs.insert(one.map((gid) => newJob({ gid })));
        for (const gid of one) await fail(gid);
        expect(new Set(await told(3))).toEqual(new Set([...one, 'webhook:4', 'webhook:3']));

        const more = made(3);
        await jobs.insert(more.map((gid) => newJob({ gid })));
        for (const gid of more) await fail(gid);
        const all = [...one, ...more].sort();
        expect(new Set(await told(4))).toEqual(new Set([...all.slice(-2), 'webhook:4', 'webhook:3']));
        expect(new Set(await told(9))).toEqual(new Set([...all.slice(-4), ...own.slice(-4), '0-first']));
        const ends = (await fleet.failures(100)).map(({ endedAt }) => endedAt.getTime());
        expect(ends).toHaveLength(10);
        expect(ends, 'the last to fail first').toEqual([...ends].sort((a, b) => b - a));
      });

      async function fail(gid: string, errorName?: string, error = 'broken'): Promise<void> {
        const owner = `owner.${gid}`.slice(0, 20);
        await claimAll(jobs, owner);
        const record = (await jobs.find(gid))!;
        const values = { stepIndex: 0, stepName: record.stepName, status: 'failed', error } as const;
        const change = success(gid, record.owner!, { ...values, release: true });
        const named = errorName === undefined ? change : { ...change, errorName };
        expect(await jobs.change([named])).toEqual(new Set([gid]));
      }
    });
  });
}
