import type { Attack } from '../run.js';
import { faultPoints } from '../fault-points.js';
import { randomPlan } from '../plan.js';
import type { Random } from '../random.js';
import { Scene } from '../scene.js';
import type { Target } from '../target.js';
import { sleep } from '../wait.js';

/** Points that a process reaches often enough to die at the tenth pass, and points that it reaches rarely. */
const RARE = /^recovery:/;

/**
 * Kills processes under load, at random moments and at each named point of the protocol in turn. Some are paused for longer
 * than their lease and continue as zombies.
 */
export const killAttack: Attack = {
  name: 'kill',
  fits: () => true,
  async run({ target, random, seconds, surroundings, processes, cluster, report }) {
    const scene = await Scene.open(target, random, surroundings, { processes, cluster });
    try {
      scene.connectionsCut = cluster?.disturb !== undefined;
      await scene.start();
      const points = faultPoints(target.placement);
      let next = 0;
      scene.vary = () => {
        const point = points[next++ % points.length]!;
        const passage = RARE.test(point) ? random.whole(1, 3) : random.whole(1, 25);
        const action = random.chance(0.05) ? 'stop' : 'kill';
        return random.chance(0.75) ? { fault: { point, passage, action } } : {};
      };
      const client = scene.client('k');
      const end = performance.now() + seconds * 1000;
      const ended = (): boolean => performance.now() >= end;
      const plans = random.fork();
      // DTM takes up the jobs of a killed process one at a time.
      const rate = target.placement === 'dtm' ? surroundings.rate / 4 : surroundings.rate;
      const [, , disturbed = 0] = await Promise.all([
        client.run(rate, (order) => planFor(target, order, plans), ended),
        killing(scene, random.fork(), ended, cluster ? 6000 : 2500),
        cluster?.disturb?.(random.fork(), ended),
      ]);
      if (disturbed > 0) await scene.reconnect();
      // Its servers share the machine with the processes.
      const settled = await scene.settle(cluster ? 180_000 : 60_000);
      const verdict = await scene.judge();
      const lives = scene.fleet.lives;
      const faults: Record<string, number> = {};
      for (const { fault } of lives) if (fault !== undefined) faults[fault] = (faults[fault] ?? 0) + 1;
      report(verdict, {
        kills: scene.fleet.kills,
        processes: lives.length,
        pauses: lives.reduce((sum, life) => sum + life.pauses.length, 0),
        settled,
        ...(cluster && { disturbed }),
        killedAt: faults,
      });
    } finally {
      await scene.close();
    }
  },
};

/** With DTM a step cannot fail its job for good; it would be retried forever. */
export function planFor(target: Target, order: string, random: Random) {
  const plan = randomPlan(order, random);
  if (target.placement !== 'dtm') return plan;
  return { ...plan, steps: plan.steps.filter(({ kind }) => kind !== 'doomed') };
}

/** A process lives for up to `longest` milliseconds. */
async function killing(scene: Scene, random: Random, ended: () => boolean, longest: number): Promise<void> {
  const { lease } = scene.timing;
  const resume = async (place: number, pause: number): Promise<void> => {
    const worker = scene.fleet.current[place]!;
    await sleep(pause);
    worker.continue();
    resuming.delete(worker.name);
  };
  const resuming = new Map<string, Promise<void>>();
  const started = new Map<string, number>();
  while (!ended()) {
    await sleep(random.whole(20, 150));
    scene.fleet.current.forEach((worker, place) => {
      if (worker.ready && !started.has(worker.name)) started.set(worker.name, performance.now());
      // Also continues those that have paused themselves.
      if (worker.stopped && !resuming.has(worker.name)) {
        resuming.set(worker.name, resume(place, lease * (1.2 + random.next())));
      }
    });
    const victim = scene.fleet.any();
    if (!victim) continue;
    const lived = performance.now() - (started.get(victim.name) ?? performance.now());
    // Its fault point is over.
    if (lived < random.whole(300, longest)) continue;
    if (random.chance(0.06)) victim.stop();
    else victim.kill();
  }
  await Promise.all(resuming.values());
}
