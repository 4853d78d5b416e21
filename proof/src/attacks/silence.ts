import { NetworkProxy } from '../proxy.js';
import { randomPlan, type JobPlan } from '../plan.js';
import type { Attack } from '../run.js';
import { Scene, TIMING } from '../scene.js';
import { until } from '../wait.js';

const STATEMENT_MS = 1500;
/** A statement, another one on the pool, the lease of what was held, and a machine that is busy. */
const PATIENCE_MS = 30_000;
const JOBS = 60;

/**
 * All connections of the application fall silent at once, while it runs jobs: nothing comes, and nothing is closed. New connections
 * work. The jobs must go on in bounded time, and the application must be able to close afterwards.
 */
export const silenceAttack: Attack = {
  name: 'silence',
  fits: ({ backend, placement }) => backend !== 'sqlite' && placement === 'one',
  async run({ target, random, seconds, surroundings, report }) {
    const timing = { ...TIMING, statement: STATEMENT_MS };
    const scene = await Scene.open(target, random, surroundings, { processes: 2, timing });
    const proxy = await NetworkProxy.start(scene.business.url);
    try {
      scene.connectionsCut = true;
      await scene.start(() => ({ businessUrl: proxy.url }));
      const client = scene.client('q');
      const end = performance.now() + seconds * 1000;
      const took: number[] = [];
      let silenced = 0;
      let settled = true;
      for (let round = 0; settled && (round === 0 || performance.now() < end); round += 1) {
        for (let at = 0; at < JOBS; at += 1) client.place(quietPlan(`q${round}-${at}`));
        // A transaction of the application's own has no bound but what the application gives it.
        await until(() => client.unanswered === 0, PATIENCE_MS);
        silenced += proxy.silence();
        const since = performance.now();
        settled = await scene.settle(PATIENCE_MS);
        took.push(Math.round(performance.now() - since));
      }
      const verdict = await scene.judge();
      report(verdict, { silenced, slowest: Math.max(...took), settled: settled && scene.fleet.kills === 0 });
    } finally {
      await proxy.stop();
      await scene.close();
    }

    function quietPlan(order: string): JobPlan {
      const { steps } = randomPlan(order, random, 400);
      return { order, ownGid: true, fate: 'commit', steps: steps.filter(({ kind }) => kind !== 'doomed') };
    }
  },
};
