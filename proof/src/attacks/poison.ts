import type { JobPlan, MaxAttempts, StepPlan } from '../plan.js';
import type { Attack } from '../run.js';
import { Scene } from '../scene.js';
import { sleep, until } from '../wait.js';

const INNOCENTS = 200;
/** Per second of the attack. */
const POISONS = 0.5;

/**
 * Steps that kill their process, beside jobs that do nothing wrong and are often at work when it dies. With two attempts or more, none of
 * these fails. A poison fails once its attempts are spent.
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
      for (let at = 0; at < INNOCENTS || performance.now() < end; at += 1) {
        const kind = `frail-${attempts[at % attempts.length]!}` as const;
        await place(`p-${at}`, { kind, work: random.whole(50, 500) });
        if (poisons < 1 + seconds * POISONS && at % 20 === 10) {
          const poison = `poison-${attempts[poisons % attempts.length]!}` as const;
          await place(`p-${at}-poison`, { kind: poison, work: random.whole(0, 100) });
          poisons += 1;
        }
        await sleep(20);
      }
      const settled = await scene.settle(120_000);
      report(await scene.judge(), { poisons, kills: scene.fleet.kills, settled });
    } finally {
      await scene.close();
    }
  },
};
