import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect, TestApplication } from '../../support/application.js';
import { Databases, describeManagers, isAtDtm } from '../../support/placements.js';
import { BusinessEffect } from '../../support/business-effect.step.js';
import { Effect, Order } from '../../support/order.entity.js';
import { faultsReached, indexes, startWorker, workerReady, type WorkerFault } from '../../support/worker.js';
import type { AppProcess } from '../../support/child-process.js';
import { itWhere } from '../../support/database.js';
import { waitFor } from '../../support/wait-for.js';

const STEPS = [['reserve-stock'], ['business-effect'], ['send-email']] as const;

interface Crash {
  readonly gid: string;
  readonly point: string;
  readonly passage?: number;
  /** Which steps the process that died had begun, and which ones the next process ran. */
  readonly before: readonly number[];
  readonly after: readonly number[];
}

/** Where the transaction of the job is not committed yet. */
const UNCOMMITTED = ['job:before-prepare', 'job:prepared', 'job:before-barrier', 'job:started'].map(
  (point) => ({
    gid: `uncommitted-${point.slice(4)}`,
    point,
  }),
);

/** Only the step that was running is repeated, and only if its success was not stored. */
const COMMITTED: readonly Crash[] = [
  { gid: 'handed-over', point: 'job:before-submit', before: [], after: [0, 1, 2] },
  { gid: 'about-to-run', point: 'step:before-execute', before: [], after: [0, 1, 2] },
  { gid: 'executed', point: 'step:executed', before: [0], after: [0, 1, 2] },
  { gid: 'about-to-store', point: 'progress:before-write', before: [0], after: [0, 1, 2] },
  { gid: 'stored', point: 'progress:written', before: [0], after: [1, 2] },
  { gid: 'about-to-commit-step', point: 'step:before-commit', before: [0, 1], after: [1, 2] },
  // The effect and its done-mark are committed: the step is not even tried again.
  { gid: 'step-committed', point: 'step:committed', before: [0, 1], after: [2] },
  { gid: 'executed-transactional', point: 'step:executed', passage: 2, before: [0, 1], after: [2] },
  { gid: 'executed-last', point: 'step:executed', passage: 3, before: [0, 1, 2], after: [2] },
];

/** On a busy machine, a shorter lease ends before the process has come to all its points. */
const SETTINGS = { leaseDuration: 4000, recoveryInterval: 100, queryPreparedAfter: 3000 };
/** Equal, so that the query-back comes with the first look. */
const DTM = { queryPreparedAfter: '3s', retryInterval: '3s' };

/** One process that was killed, its databases, and the one that comes after it. */
interface Scene {
  readonly gids: readonly string[];
  readonly databases: Databases;
  readonly victim: AppProcess;
  readonly survivor: TestApplication;
}

describeManagers(
  'a process that is killed',
  (backend, placement) => {
    const scenes: Scene[] = [];
    const uncommitted = UNCOMMITTED.filter(
      ({ point }) => placement !== 'one' || point !== 'job:before-barrier',
    );
    // DTM writes the progress down.
    const committed = COMMITTED.filter(({ point }) => !isAtDtm(placement) || point !== 'progress:written');
    const sceneOf = (gid: string) => scenes.find(({ gids }) => gids.includes(gid))!;

    /** A process in which each of these jobs comes as far as its point, and which is killed then. */
    async function crash(faults: readonly (WorkerFault & { gid: string })[]): Promise<void> {
      const databases = await Databases.create(backend, placement);
      await (await connect(databases.business)).destroy();
      const stalls = faults.map(({ gid, point, passage = 1 }) => ({
        gid,
        point,
        passage,
        action: 'stall' as const,
      }));
      const place = await databases.dtmPlace();
      const options = { selfTm: SETTINGS, place, dtm: DTM, faults: stalls, dataSource: { poolSize: 20 } };
      const victim = await workerReady(startWorker(databases, options));
      for (const { gid } of faults) victim.send({ start: { gid, steps: STEPS } });
      await faultsReached(victim, faults.length);
      await victim.kill('SIGKILL');
      const survivor = await TestApplication.start(databases, {
        selfTm: SETTINGS,
        dtm: DTM,
        providers: [BusinessEffect],
      });
      scenes.push({ gids: faults.map(({ gid }) => gid), databases, victim, survivor });
    }

    beforeAll(async () => {
      const holds = ({ point }: WorkerFault) => point === 'step:before-commit' || point === 'step:committed';
      const holding = [...uncommitted, ...committed.filter(holds)];
      const others = committed.filter((fault) => !holds(fault));
      // On SQLite, a job that stalls in a transaction holds up all the others of its process.
      if (backend === 'sqlite') await Promise.all([crash(others), ...holding.map((fault) => crash([fault]))]);
      else await crash([...others, ...holding]);
    });
    afterAll(async () => {
      for (const { survivor, databases } of scenes) {
        await survivor.close();
        await databases.drop();
      }
    });

    it.for(uncommitted)('before its commit, at $point, leaves no job', async ({ gid, point }) => {
      const { survivor, victim } = sceneOf(gid);
      expect(await survivor.dataSource.getRepository(Order).findBy({ id: gid })).toEqual([]);
      // One that was prepared elsewhere is settled by asking; one in the transaction itself was never there.
      const known = placement !== 'one' && point !== 'job:before-prepare';
      if (known) await waitFor(async () => (await survivor.admin.find(gid))?.status === 'rolledBack');
      else expect(await survivor.admin.find(gid)).toBeNull();
      expect([...indexes(victim, gid), ...survivor.recording.of(gid)]).toEqual([]);
    });

    it.for(committed)(
      'after its commit, at $point ($gid), repeats at most the step that was running',
      async (crashed) => {
        const { gid, before, after } = crashed;
        const { survivor, victim } = sceneOf(gid);
        expect(await survivor.dataSource.getRepository(Order).findBy({ id: gid })).toHaveLength(1);
        expect(await survivor.ended(gid)).toMatchObject({ status: 'succeeded', error: null });
        expect(indexes(victim, gid)).toEqual(before);
        expect(survivor.recording.of(gid).map(({ index }) => index)).toEqual(after);
        expect(await survivor.dataSource.getRepository(Effect).countBy({ key: `${gid}:1` })).toBe(1);
      },
    );
  },
  { atDtm: ['postgres'] },
);

describeManagers(
  'a process that is killed while it takes a job over',
  (backend, placement) => {
    let databases: Databases;

    async function finish(gid: string): Promise<void> {
      const survivor = await TestApplication.start(databases, {
        selfTm: SETTINGS,
        providers: [BusinessEffect],
      });
      try {
        expect((await survivor.ended(gid)).status).toBe('succeeded');
        expect(survivor.recording.of(gid).map(({ index }) => index)).toEqual([0, 1, 2]);
        expect(await survivor.count(Effect)).toBe(1);
      } finally {
        await survivor.close();
        await databases.drop();
      }
    }

    async function crashes(fault: WorkerFault, start?: object): Promise<void> {
      const selfTm = { ...SETTINGS, queryPreparedAfter: 500 };
      const place = await databases.dtmPlace();
      const worker = await workerReady(startWorker(databases, { selfTm, place, faults: [fault] }));
      if (start) worker.send({ start });
      expect(await worker.exited).toMatchObject({ signal: 'SIGKILL' });
      expect(worker.messages.filter(({ type }) => type === 'fault' || type === 'begin')).toMatchObject([
        { type: 'fault' },
      ]);
    }

    itWhere(!isAtDtm(placement))('leaves it to the next one', async () => {
      databases = await Databases.create(backend, placement);
      await (await connect(databases.business)).destroy();
      // Nobody else is there: the process that starts the delayed job is the one that claims it when it is due.
      await crashes({ point: 'recovery:claimed' }, { gid: 'claimed', steps: STEPS, delay: 50 });
      await finish('claimed');
    });

    itWhere(placement !== 'one')('leaves one whose transaction it has asked for', async () => {
      databases = await Databases.create(backend, placement);
      await (await connect(databases.business)).destroy();
      await crashes({ point: 'job:before-submit' }, { gid: 'asked', steps: STEPS });
      await crashes({ point: 'recovery:resolved' });
      await finish('asked');
    });
  },
  { atDtm: ['postgres'] },
);

describe('the fault points', () => {
  it('are all crashed at', async () => {
    const { readFile } = await import('node:fs/promises');
    const source = await readFile(new URL('../../../lib/core/fault-point.ts', import.meta.url), 'utf8');
    const points = [...source.matchAll(/'((?:job|step|progress|recovery):[a-z-]+)'/g)].map(
      (match) => match[1],
    );
    const crashed = [...UNCOMMITTED, ...COMMITTED].map(({ point }) => point);
    // Beside the first step of the job, which may have begun or not: the test of two processes dies there, too.
    const elsewhere = ['job:submitted', 'recovery:claimed', 'recovery:resolved'];
    expect(new Set(points)).toEqual(new Set([...crashed, ...elsewhere]));
  });
});
