import { haveSucceeded } from '../evidence-reader.js';
import type { JobPlan, StepPlan } from '../plan.js';
import type { Attack } from '../run.js';
import { Scene, type Variation } from '../scene.js';
import { until } from '../wait.js';

const CONCURRENCY = 4;
const PROCESSES = 2;
/** The time-out of the steps, their grace period, and a machine that is busy. */
const PATIENCE_MS = 30_000;

/**
 * More steps than there are places wait for what does not come: for a lock that somebody else holds, or without end and deaf to
 * their signal. Jobs that wait for nothing must run meanwhile.
 */
export const waitsAttack: Attack = {
  name: 'waits',
  fits: ({ backend, placement }) => backend !== 'sqlite' && placement === 'one',
  async run({ target, random, seconds, surroundings, report }) {
    const scene = await Scene.open(target, random, surroundings, { processes: PROCESSES });
    try {
      await scene.start((): Variation => ({ concurrency: CONCURRENCY }));
      const client = scene.client('w');
      const end = performance.now() + seconds * 1000;
      const took: number[] = [];
      let settled = true;
      for (let round = 0; settled && (round === 0 || performance.now() < end); round += 1) {
        const unlock = await scene.business.lockBookings();
        const place = (name: string, step: StepPlan): string => {
          const plan: JobPlan = { order: `w${round}-${name}`, ownGid: true, fate: 'commit', steps: [step] };
          client.place(plan);
          return plan.order;
        };
        const places = CONCURRENCY * PROCESSES;
        for (let at = 0; at < places; at += 1) {
          place(`book-${at}`, { kind: 'book', work: 0 });
          place(`stuck-${at}`, { kind: 'stuck', work: 0, failures: 1 });
        }
        const others = Array.from({ length: places }, (_, at) =>
          place(`other-${at}`, { kind: 'append', work: 0 }),
        );
        const since = performance.now();
        settled = (await until(() => haveSucceeded(scene.store, others), PATIENCE_MS, 250)) === true;
        took.push(Math.round(performance.now() - since));
        await unlock();
        settled &&= await scene.settle(60_000);
      }
      report(await scene.judge(), { rounds: took.length, slowest: Math.max(...took), settled });
    } finally {
      await scene.close();
    }
  },
};
