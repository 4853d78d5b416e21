import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  InvalidOptionError,
  SteppingOperations,
  UnrecoverableStepError,
  type SelfTmOptions,
  type TimeRange,
} from '../../../../lib/index.js';
import { SqlFleetStore } from '../../../../lib/store/fleet/sql.fleet-store.js';
import { TestApplication } from '../../../support/application.js';
import { codecOption } from '../../../support/codec.js';
import { describeBackends } from '../../../support/database.js';
import { Databases } from '../../../support/placements.js';
import { makeDue } from '../../../support/stored-job.js';
import { Limited, Ping } from '../../../support/steps.js';
import { waitFor } from '../../../support/wait-for.js';

const OFTEN = { heartbeat: 100, flush: 100 } as const;
const HOUR = 3_600_000;
const WITH_CODEC = 'codec' in codecOption();

class PaymentRefused extends UnrecoverableStepError {
  override readonly name = 'PaymentRefused';
}

/** Most applications' errors set no name. */
class CardExpired extends Error {}

let databases: Databases;
let app: TestApplication;
const operations = () => app.context.get(SteppingOperations);

async function start(selfTm: SelfTmOptions = {}): Promise<void> {
  app = await TestApplication.start(databases, { selfTm: { monitoring: OFTEN, ...selfTm } });
}

describeBackends('the numbers of the fleet', (backend) => {
  beforeEach(async () => {
    databases = await Databases.create(backend, 'one');
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await app.close();
    await databases.drop();
  });

  it('tell apart what is due, held, waiting, prepared and failed', async () => {
    await start();
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    app.recording.onExecute = ({ gid }) => {
      if (gid === 'failing') throw new PaymentRefused('refused\nby the bank');
      return gid === 'held' ? released : undefined;
    };
    await app.jobs.createJob({ gid: 'failing' }).addStep(Ping).start();
    await app.ended('failing');
    await app.jobs.createJob({ gid: 'held' }).addStep(Ping).start();
    await app.jobs.createJob({ gid: 'delayed', delay: '1h' }).addStep(Ping).start();
    await app.jobs.createJob({ gid: 'foreign' }).addStep('nowhere', undefined).start();
    await makeDue(databases, 'foreign', 400);

    const overview = await waitFor(async () => {
      const found = await operations().overview();
      return found.running === 1 && found.due.count === 1 && found.held.count === 1 && found;
    });
    expect(overview).toMatchObject({
      ...{ due: { count: 1, more: false }, waiting: { count: 1, more: false } },
      ...{ prepared: { count: 0, more: false }, failed: { count: 1, more: false }, processes: 1, paused: {} },
      lastMinute: { failed: expect.any(Number) as number },
    });
    expect(overview.oldestDueMs).toBeGreaterThanOrEqual(400_000);
    expect(overview.recoveredAt).not.toBeNull();

    const steps = await waitFor(async () => {
      const found = new Map((await operations().steps()).map((numbers) => [numbers.step, numbers]));
      return found.get('ping')?.failed === 1 && found;
    });
    expect(steps.get('ping')).toMatchObject({ processes: 1, gaveUp: 1, due: { count: 0 }, pause: null });
    // No process provides it, and it is seen all the same.
    expect(steps.get('nowhere')).toMatchObject({ processes: 0, due: { count: 1 }, succeeded: 0 });
    expect(steps.get('nowhere')!.oldestDueMs).toBeGreaterThanOrEqual(400_000);

    const health = await operations().health();
    expect(health).toMatchObject({
      status: 'degraded',
      problems: [{ code: 'JOBS_WAIT_TOO_LONG', step: 'nowhere' }],
    });
    expect((await operations().health({ degradedAfter: '1h' })).status).toBe('up');
    release();
  });

  it('say what is not known where only the jobs can be read', async () => {
    await start();
    for (const table of ['processes', 'stats']) await databases.store.query(`DROP TABLE stepping_${table}`);
    const { gid } = await app.jobs.createJob().addStep(Ping).start();
    await app.ended(gid);
    expect(await operations().overview()).toMatchObject({ processes: null, running: null, lastMinute: null });
    expect(await operations().health()).toEqual({ status: 'up', problems: [] });
  });

  it('group failed jobs by their step and the class of their error', async () => {
    await start();
    app.recording.onExecute = ({ step, gid }) => {
      if (step === 'limited') throw new CardExpired('no such card');
      throw new PaymentRefused(`card of ${gid} refused\nwith a second line`);
    };
    // The last to fail is the one that is told.
    for (const gid of ['b', 'a', 'c']) {
      await app.jobs.createJob({ gid }).addStep(Ping).start();
      await app.ended(gid);
    }
    await app.jobs.createJob({ gid: 'd' }).addStep(Limited).start();
    await app.ended('d');
    const { groups, lookedAt, more } = await operations().failures();
    expect([lookedAt, more]).toEqual([4, false]);
    expect(groups).toMatchObject([
      { step: 'ping', errorName: 'PaymentRefused', count: 3, gid: 'c' },
      { step: 'limited', errorName: 'CardExpired', count: 1, gid: 'd' },
    ]);
    expect(groups[0]!.message).toBe(WITH_CODEC ? null : 'PaymentRefused: card of c refused');
  });

  it('tell counts over time, in minutes and in hours, with zeros between', async () => {
    await start();
    const { gid } = await app.jobs.createJob().addStep(Ping).start();
    await app.ended(gid);
    const minutes = await waitFor(async () => {
      const found = await operations().timeline({ step: 'ping' });
      return found.buckets.some(({ succeeded }) => succeeded === 1) && found;
    });
    expect(minutes.bucketSeconds).toBe(60);
    expect(minutes.buckets.length).toBeGreaterThanOrEqual(60);
    const now = Date.now();
    const hours = await operations().timeline({ from: new Date(now - 24 * HOUR) });
    expect(hours.bucketSeconds).toBe(3600);
    expect(hours.buckets.length).toBeGreaterThanOrEqual(24);
    expect(hours.buckets.reduce((sum, { jobsSucceeded }) => sum + jobsSucceeded, 0)).toBe(1);
    const gaps = hours.buckets.map(
      ({ at }, index) => at.getTime() - hours.buckets[0]!.at.getTime() - index * HOUR,
    );
    expect(new Set(gaps)).toEqual(new Set([0]));
    expect((await operations().timeline({ step: 'other' })).buckets.every((one) => one.succeeded === 0)).toBe(
      true,
    );
  });

  it.each([
    ['a range that ends before it begins', { from: new Date(2000), to: new Date(1000) }],
    ['more than 90 days', { from: new Date(Date.now() - 91 * 24 * HOUR) }],
    ['no date', { from: 'yesterday' as unknown as Date }],
    ['a date that no database knows', { to: new Date(-8.64e15) }],
    ['a time to come', { from: new Date(Date.now() + HOUR), to: new Date(Date.now() + 2 * HOUR) }],
    ['nothing', null as unknown as TimeRange],
    ['a list', [] as TimeRange],
    ['an unknown option', { since: new Date() } as TimeRange],
  ])('refuse %s', async (_title, query) => {
    await start();
    await expect(operations().timeline(query)).rejects.toBeInstanceOf(InvalidOptionError);
    await expect(operations().steps(query)).rejects.toBeInstanceOf(InvalidOptionError);
  });

  it('end now, whatever end is asked for', async () => {
    await start();
    const [from, to] = [new Date(Date.now() - HOUR), new Date(Date.now() + 89 * 24 * HOUR)];
    const { buckets } = await operations().timeline({ from, to });
    expect(buckets.length).toBeGreaterThanOrEqual(60);
    expect(buckets.length).toBeLessThan(120);
  });

  it('are counted once in two seconds, however many look', async () => {
    await start();
    const counted = vi.spyOn(SqlFleetStore.prototype, 'jobs');
    const began = performance.now();
    await Promise.all(Array.from({ length: 50 }, () => operations().overview()));
    await Promise.all(Array.from({ length: 50 }, () => operations().processes()));
    expect(counted.mock.calls.length).toBeLessThanOrEqual(1 + Math.floor((performance.now() - began) / 2000));
    expect(counted).toHaveBeenCalled();
  });

  it('are text for Prometheus', async () => {
    await start();
    for (let job = 0; job < 3; job += 1) {
      const { gid } = await app.jobs.createJob().addStep(Ping).start();
      await app.ended(gid);
    }
    const text = await waitFor(async () => {
      const found = await operations().prometheus();
      return (
        found.includes('stepping_processes 1') && found.includes('stepping_recovery_age_seconds') && found
      );
    });
    for (const line of [
      'stepping_attempts_total{step="ping",outcome="succeeded"} 3',
      'stepping_attempts_total{step="ping",outcome="failed"} 0',
      'stepping_jobs_started_total 3',
      'stepping_jobs_ended_total{status="succeeded"} 3',
      'stepping_attempt_duration_seconds_count{step="ping"} 3',
      'stepping_wait_seconds_bucket{step="ping",le="+Inf"} 3',
      'stepping_due_jobs 0',
      'stepping_failed_jobs 0',
      'stepping_held_jobs 0',
      'stepping_running 0',
    ])
      expect(text.split('\n')).toContain(line);
    const syntax = /^(# (HELP|TYPE) stepping_\w+ .+|stepping_\w+(\{(\w+="[^"\n]*",?)+\})? [-+.e\d]+)$/;
    expect(
      text
        .trimEnd()
        .split('\n')
        .filter((line) => !syntax.test(line)),
    ).toEqual([]);
  });

  it('are not written with `monitoring: false`, and say so', async () => {
    await start({ monitoring: false, recoveryInterval: 50 });
    const { gid } = await app.jobs.createJob().addStep(Ping).start();
    await app.ended(gid);
    expect(await operations().overview()).toMatchObject({ running: null, processes: null, lastMinute: null });
    expect(await operations().processes()).toEqual([]);
    expect((await operations().health()).status).toBe('up');
    const steps = await operations().steps();
    expect(steps.every(({ processes }) => processes === null)).toBe(true);
    expect(await operations().prometheus()).toContain(
      'stepping_attempts_total{step="ping",outcome="succeeded"} 1',
    );
    await app.context.close();
    for (const table of ['processes', 'stats', 'controls', 'audit'])
      expect(await databases.store.query(`SELECT * FROM stepping_${table}`)).toEqual([]);
  });
});

it('are told although the processes cannot be read, which is no empty list of them', async () => {
  databases = await Databases.create('sqlite', 'one');
  await start({ monitoring: { heartbeat: '1h' } });
  await databases.store.query('DROP TABLE stepping_processes');
  expect(await operations().overview()).toMatchObject({ processes: null, failed: { count: 0 } });
  await expect(operations().processes()).rejects.toThrow(/stepping_processes/);
});

describe('health', () => {
  it('tells that the store is away, and throws nothing', async () => {
    databases = await Databases.create('sqlite', 'one');
    await start();
    vi.spyOn(SqlFleetStore.prototype, 'jobs').mockRejectedValue(new Error('connect ECONNREFUSED'));
    const health = await operations().health();
    expect(health).toMatchObject({ status: 'down', problems: [{ code: 'STORE_UNREACHABLE' }] });
    // Its own counters are told all the same.
    expect(await operations().prometheus()).toContain('stepping_jobs_started_total 0');
    vi.restoreAllMocks();
    await app.close();
    await databases.drop();
  });
});
