import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { EntityManager } from 'typeorm';
import { Step, type StepContext, type StepHandler } from '../../../lib/index.js';
import { Barrier } from '../../../lib/store/barrier.js';
import { TestApplication } from '../../support/application.js';
import { BusinessEffect } from '../../support/business-effect.step.js';
import { CommitTrap } from '../../support/commit-trap.js';
import { atFaultPoint } from '../../support/fault-points.js';
import { Effect } from '../../support/order.entity.js';
import { Databases, describePlacements } from '../../support/placements.js';
import { Recording } from '../../support/recording.js';
import { makeDue } from '../../support/stored-job.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { waitFor } from '../../support/wait-for.js';

/** Like `BusinessEffect`, with one attempt. */
@Step({ name: 'effect-once', transactional: { dataSource: 'default' }, retry: { maxAttempts: 1 } })
class EffectOnce implements StepHandler<object> {
  constructor(private readonly recording: Recording) {}
  async execute(args: object, context: StepContext<EntityManager>): Promise<void> {
    await context.manager.insert(Effect, { id: randomUUID(), key: context.idempotencyKey });
    await this.recording.note('effect-once', args, context as unknown as StepContext);
  }
}

const POOL = 3;
/** Long enough to be asked again. */
const WAIT_MS = 150;

describePlacements('a transactional step that waits for its transaction', (backend, placement) => {
  let databases: Databases;
  let app: TestApplication;
  let other: TestApplication;

  beforeEach(async () => {
    databases = await Databases.create(backend, placement);
    const providers = [BusinessEffect, EffectOnce];
    app = await TestApplication.start(databases, { providers, dataSource: { poolSize: POOL } });
    other = await TestApplication.start(databases, { providers, selfTm: { runSteps: false } });
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await app.close();
    await other.close();
    await databases.drop();
  });

  /** Takes every connection of the business database, until the returned function is called. */
  async function takeConnections(): Promise<() => Promise<void>> {
    if (backend === 'sqlite') {
      let release!: () => void;
      const released = new Promise<void>((resolve) => (release = resolve));
      const held = app.dataSource.transaction(() => released);
      return () => (release(), held);
    }
    const runners = Array.from({ length: POOL }, () => app.dataSource.createQueryRunner());
    await Promise.all(runners.map((runner) => runner.connect()));
    return async () => void (await Promise.all(runners.map((runner) => runner.release())));
  }

  it('does not begin after its job was canceled meanwhile', async () => {
    const gid = 'canceled-meanwhile';
    let giveBack: (() => Promise<void>) | undefined;
    let ended = false;
    atFaultPoint('step:before-execute', gid, async () => void (giveBack = await takeConnections()));
    atFaultPoint('step:executed', gid, () => void (ended = true));
    await app.jobs.createJob({ gid, transaction: 'none' }).addStep(BusinessEffect, {}).start();
    await waitFor(() => giveBack);
    await sleep(WAIT_MS);
    await other.admin.cancel(gid);
    await giveBack!();
    await waitFor(() => ended);
    expect(app.recording.of(gid)).toEqual([]);
    expect(await app.count(Effect)).toBe(0);
    expect((await app.admin.find(gid))!.status).toBe('canceled');
  });

  it('does not count an attempt when there is none to be had', async () => {
    const gid = 'no-transaction';
    const createQueryRunner = app.dataSource.createQueryRunner.bind(app.dataSource);
    const down = new Error('the database is down');
    atFaultPoint('step:before-execute', gid, () => {
      atFaultPoint('step:before-execute', gid, () => undefined);
      vi.spyOn(app.dataSource, 'createQueryRunner').mockImplementation((mode) => {
        const runner = createQueryRunner(mode);
        vi.spyOn(runner, 'startTransaction').mockRejectedValue(down);
        return runner;
      });
    });
    atFaultPoint('step:executed', gid, () => void vi.restoreAllMocks());
    await app.jobs.createJob({ gid, transaction: 'none' }).addStep(EffectOnce, {}).start();
    const waiting = await waitFor(async () => {
      const job = (await other.admin.find(gid))!;
      return job.error === null ? undefined : job;
    });
    expect(waiting).toMatchObject({ status: 'submitted', steps: [{ attempts: 0 }] });
    expect(waiting.error).toContain(down.message);
    await makeDue(databases, gid);
    expect(await app.ended(gid)).toMatchObject({ status: 'succeeded', steps: [{ attempts: 1 }] });
    expect(app.recording.trace(gid)).toEqual(['effect-once#1']);
  });
});

describePlacements(
  'a step committed in another database, whose only attempt could not tell',
  (backend, placement) => {
    it('is asked for until that database answers, and has succeeded then', async () => {
      const gid = 'in-doubt';
      const databases = await Databases.create(backend, placement);
      const proxy = await TcpProxy.start(databases.business.url);
      const trap = new CommitTrap(proxy);
      const app = await TestApplication.start(databases, {
        providers: [EffectOnce],
        dataSource: { url: proxy.through(databases.business.url) },
      });
      try {
        const error = new Error('the database cannot be asked now');
        atFaultPoint('step:before-commit', gid, () => {
          trap.set(`${gid}:0`, 'applied');
          vi.spyOn(Barrier.prototype, 'isDone').mockRejectedValue(error);
        });
        await app.jobs.createJob({ gid, transaction: 'none' }).addStep(EffectOnce, {}).start();
        const asked = async () => ((await app.admin.find(gid))!.error ?? '').includes(error.message);
        await waitFor(async () => (await makeDue(databases, gid), asked()));
        expect(trap.caught).toBe(1);
        expect((await app.admin.find(gid))!.status).toBe('submitted');
        vi.restoreAllMocks();
        await waitFor(async () => (await makeDue(databases, gid), (await app.admin.find(gid))!.endedAt));
        expect(await app.ended(gid)).toMatchObject({ status: 'succeeded', steps: [{ attempts: 1 }] });
        expect(await app.count(Effect)).toBe(1);
        expect(app.recording.trace(gid)).toEqual(['effect-once#1']);
      } finally {
        vi.restoreAllMocks();
        await app.close();
        await proxy.down();
        await databases.drop();
      }
    });
  },
  ['postgres', 'mariadb'],
  ['two'],
);
