import type { JobPlan, MaxAttempts, StepPlan } from '../plan.js';
import type { Attack } from '../run.js';
import { Scene } from '../scene.js';
import { sleep, until } from '../wait.js';

const INNOCENTS = 200;
/** One poison for each number of attempts. */
const MIN_ROUNDS = 3;
const PAUSE_MS = 2;

/**
 * A step that kills its process, beside 200 jobs that do nothing wrong and are often at work when it dies. With two attempts or more,
 * none of these fails. The poison fails once its attempts are spent; then the next one comes. Of several at a time, each would count as
 * a crash of its own for a job that it meets.
 */
export const poisonAttack: Attack = {
  name: 'poison',
  fits: ({ placement }) => placement === 'one',
  async run({ target, random, seconds, surroundings, report }) {
    const scene = await Scene.open(target, random, surroundings);
    try {
      await scene.start();
      const client = scene.client('p', INNOCENTS);
      const attempts: readonly MaxAttempts[] = [1, 2, 3];
      let poisons = 0;
      const place = async (order: string, step: StepPlan): Promise<void> => {
        const plan: JobPlan = { order, ownGid: true, fate: 'commit', steps: [step] };
        // All processes may be dead at the moment.
        await until(() => client.place(plan), 30_000);
      };
      const end = performance.now() + seconds * 1000;
      let settled = true;
      for (let round = 0; settled && (round < MIN_ROUNDS || performance.now() < end); round += 1) {
        for (let at = 0; at < INNOCENTS; at += 1) {
          const kind = `frail-${attempts[at % attempts.length]!}` as const;
          await place(`p${round}-${at}`, { kind, work: random.whole(50, 500) });
          if (at === 10) {
            const poison = `poison-${attempts[round % attempts.length]!}` as const;
            await place(`p${round}-poison`, { kind: poison, work: random.whole(0, 100) });
            poisons += 1;
          }
          await sleep(PAUSE_MS);
        }
        settled = await scene.settle(120_000);
      }
      report(await scene.judge(), { poisons, kills: scene.fleet.kills, settled });
    } finally {
      await scene.close();
    }
  },
};
