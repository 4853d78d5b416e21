import { pbkdf2 } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { Logger } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { HttpRequestStep } from '../../../lib/index.js';
import { SqlJobStore } from '../../../lib/store/sql.job-store.js';
import { TestApplication } from '../../support/application.js';
import { describeBackends } from '../../support/database.js';
import { Databases } from '../../support/placements.js';
import { storedJob } from '../../support/stored-job.js';
import { Ping, ReserveStock } from '../../support/steps.js';
import { waitFor } from '../../support/wait-for.js';

/** A busy machine renews within a part of it. */
const LEASE = { leaseDuration: 2000, recoveryInterval: 100, gracePeriod: 100 };
const PAUSE_MS = 4500;

/** No timer of the process runs, no answer is read. */
function block(milliseconds = PAUSE_MS): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

describeBackends('a process whose event loop is blocked for longer than its leases', (backend) => {
  let databases: Databases;
  let app: TestApplication;

  beforeEach(async () => {
    databases = await Databases.create(backend, 'one');
    app = await TestApplication.start(databases, { selfTm: LEASE });
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await app.close();
    await databases.drop();
  });

  const warnings = () => {
    const warn = vi.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    return () => warn.mock.calls.map(([message]) => String(message));
  };

  it('by a step keeps the success of that step, which nobody else has taken, and says for how long', async () => {
    const logged = warnings();
    app.recording.onExecute = ({ index }) => {
      if (index === 0) block();
    };
    const { gid } = await app.job({ transaction: 'none' }).start();
    expect(await app.ended(gid)).toMatchObject({
      status: 'succeeded',
      steps: [{ attempts: 1 }, { attempts: 1 }],
    });
    expect(app.recording.trace(gid)).toEqual(['reserve-stock#1', 'send-email#1']);
    const blocked = logged().filter((line) => line.includes('event loop was blocked'));
    expect(blocked).toHaveLength(1);
    expect(Number(/for (\d+) ms/.exec(blocked[0]!)![1])).toBeGreaterThan(PAUSE_MS / 2);
  });

  it('goes on with the attempts that were under way, each once', async () => {
    warnings();
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    app.recording.onExecute = ({ index }) => (index === 0 ? released : undefined);
    const started = [];
    for (let at = 0; at < 4; at += 1) started.push(await app.job({ transaction: 'none' }).start());
    await waitFor(() => app.recording.executions.length === 4);
    block();
    const expired = Date.now();
    for (const { gid } of started) {
      await waitFor(
        async () => (await app.admin.find(gid))!.dueAt!.getTime() > expired + LEASE.leaseDuration / 2,
      );
    }
    release();
    for (const { gid } of started) {
      expect((await app.ended(gid)).status).toBe('succeeded');
      expect(app.recording.trace(gid)).toEqual(['reserve-stock#1', 'send-email#1']);
    }
  });

  it('does not take its own jobs by a claim that was about to begin', async () => {
    warnings();
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    app.recording.onExecute = ({ index }) => (index === 0 ? released : undefined);
    const { gid } = await app.job({ transaction: 'none' }).start();
    await waitFor(() => app.recording.executions.length === 1);
    const { claim } = SqlJobStore.prototype;
    const claims = vi.spyOn(SqlJobStore.prototype, 'claim');
    claims.mockImplementationOnce(function (this: SqlJobStore, request) {
      block();
      return claim.call(this, request);
    });
    await waitFor(() => claims.mock.calls.length > 2);
    release();
    expect((await app.ended(gid)).status).toBe('succeeded');
    expect(app.recording.trace(gid)).toEqual(['reserve-stock#1', 'send-email#1']);
  });
});

describeBackends('a step beside another one that blocks the event loop', (backend) => {
  const LONG_ENOUGH_MS = 1000;
  let databases: Databases;
  let app: TestApplication;

  beforeAll(async () => {
    databases = await Databases.create(backend, 'one');
    app = await TestApplication.start(databases);
  });
  afterAll(async () => {
    await app.close();
    await databases.drop();
  });

  /** Comes to this process as the answers of servers do. */
  const answer = () => promisify(pbkdf2)('key', 'salt', 1000, 32, 'sha512');

  it.each(['timed', HttpRequestStep] as const)('has its time-out for its own work: %s', async (step) => {
    const server = createServer((_, response) => void answer().then(() => response.end()));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    let asked = (): void => undefined;
    const waits = new Promise<void>((resolve) => (asked = resolve));
    server.once('request', () => asked());
    app.recording.onExecute = async ({ step: name }) => {
      if (name === 'ping') return block(LONG_ENOUGH_MS * 2);
      const first = answer();
      asked();
      await first;
      await answer();
    };
    const once = { timeout: LONG_ENOUGH_MS, retry: { maxAttempts: 1 } };
    const job = app.jobs.createJob({ transaction: 'none' });
    if (step === 'timed') job.addStep(step, undefined, once);
    else job.addStep(step, { url: `http://127.0.0.1:${port}/`, timeout: LONG_ENOUGH_MS }, once);
    const { gid } = await job.start();
    await waits;
    await app.jobs.createJob({ transaction: 'none' }).addStep(Ping).start();
    expect(await app.ended(gid)).toMatchObject({ status: 'succeeded', error: null });
    server.close();
  });
});

describeBackends('an attempt whose lease is lost and whose step ignores the signal', (backend) => {
  let databases: Databases;
  let app: TestApplication;

  afterEach(async () => {
    await app.close();
    await databases.drop();
  });

  async function start(): Promise<{ gid: string; release: () => void; together: () => number }> {
    databases = await Databases.create(backend, 'one');
    app = await TestApplication.start(databases, { selfTm: LEASE });
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    let running = 0;
    let most = 0;
    app.recording.onExecute = async () => {
      most = Math.max(most, (running += 1));
      if (app.recording.executions.length === 1) await released;
      running -= 1;
    };
    const { gid } = await app.jobs
      .createJob({ transaction: 'none' })
      .addStep(ReserveStock, { orderId: 'o' })
      .start();
    await waitFor(() => running === 1);
    // As if another process had taken the job, and died.
    await databases.store.query(`UPDATE stepping_jobs SET owner = 'gone' WHERE owner IS NOT NULL`);
    return { gid, release, together: () => most };
  }

  it('keeps its process from beginning the next one until it has settled', async () => {
    const { gid, release, together } = await start();
    // The process has claimed the job again, and left it to others.
    await waitFor(async () => together() > 1 || (await storedJob(databases, gid))?.owner === null);
    expect(app.recording.of(gid)).toHaveLength(1);
    release();
    expect((await app.ended(gid)).status).toBe('succeeded');
    expect(app.recording.of(gid)).toHaveLength(2);
    expect(together()).toBe(1);
  });
});
