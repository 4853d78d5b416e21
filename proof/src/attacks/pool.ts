import type { StepPlan } from '../plan.js';
import type { Attack } from '../run.js';
import { Scene } from '../scene.js';
import { until } from '../wait.js';
import type { WorkerTiming } from '../worker/settings.js';

const POOL = 4;
const CONCURRENCY = 16;
const TIMING: WorkerTiming = { lease: 2000, interval: 100, queryAfter: 2000, grace: 2000 };
/** For which the application's own transactions have all connections. */
const OCCUPIED_MS = TIMING.lease * 1.5;
/** Of one process. */
const JOBS = 30;

/**
 * Far more jobs at a time than there are connections in the pool. Steps keep connections while they work, and transactions of the
 * application have all of them for longer than a lease. No lease may be lost by that, and no step repeated.
 */
export const poolAttack: Attack = {
  name: 'pool',
  fits: ({ backend, placement }) => backend !== 'sqlite' && placement !== 'dtm',
  async run({ target, random, seconds, surroundings, report }) {
    const scene = await Scene.open(target, random, surroundings, { processes: 2, timing: TIMING });
    scene.undisturbed = true;
    try {
      await scene.start(() => ({ poolSize: POOL, concurrency: CONCURRENCY }));
      const client = scene.client('o');
      const end = performance.now() + seconds * 1000;
      let settled = true;
      let occupations = 0;
      for (let round = 0; settled && (round === 0 || performance.now() < end); round += 1) {
        for (const worker of scene.fleet.current) {
          for (let at = 0; at < JOBS; at += 1) {
            const order = `o${round}-${worker.name}-${at}`;
            client.place({ order, ownGid: true, fate: 'commit', steps: [stepOf(at)] }, worker);
          }
        }
        await until(() => client.unanswered === 0, 30_000);
        for (const worker of scene.fleet.current) {
          worker.send({ occupy: { transactions: POOL, milliseconds: OCCUPIED_MS } });
          occupations += POOL;
        }
        settled = await scene.settle(60_000);
      }
      report(await scene.judge(), { occupations, settled });
    } finally {
      await scene.close();
    }

    /** Of both kinds, many are at work when the connections are taken. */
    function stepOf(at: number): StepPlan {
      const kind = at % 2 === 0 ? 'linger' : 'append';
      return { kind, work: random.whole(200, kind === 'linger' ? 500 : 1500) };
    }
  },
};
