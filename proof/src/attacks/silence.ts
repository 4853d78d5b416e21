import { NetworkProxy } from '../proxy.js';
import { randomPlan, type JobPlan } from '../plan.js';
import type { Attack } from '../run.js';
import { Scene, TIMING } from '../scene.js';
import { until } from '../wait.js';

const STATEMENT_MS = 1500;
/** A statement, another one on the pool, the lease of what was held, and a machine that is busy. */
const PATIENCE_MS = 30_000;
const JOBS = 60;
/** Until the jobs of such a round are due: longer than it takes to start them. */
const IDLE_MS = 2000;

/**
 * All connections of the application fall silent at once: nothing comes, and nothing is closed. New connections work. It happens
 * first while the jobs wait to be due and the connections are idle, then while jobs run on them. The jobs must go on in bounded time, and
 * the application must be able to close afterwards.
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
      for (let round = 0; settled && (round < 2 || performance.now() < end); round += 1) {
        const delay = round % 2 === 0 ? IDLE_MS : 0;
        for (let at = 0; at < JOBS; at += 1) client.place(quietPlan(`q${round}-${at}`, delay));
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

    function quietPlan(order: string, delay: number): JobPlan {
      const steps = randomPlan(order, random, 400).steps.filter(({ kind }) => kind !== 'doomed');
      return { order, ownGid: true, fate: 'commit', steps, delay };
    }
  },
};
