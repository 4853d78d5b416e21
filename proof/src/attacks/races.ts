import type { Ledger } from '../ledger.js';
import { randomPlan } from '../plan.js';
import type { Random } from '../random.js';
import type { Attack } from '../run.js';
import { Scene } from '../scene.js';
import { sleep } from '../wait.js';
import type { WorkerTiming } from '../worker/settings.js';

const TIMING: WorkerTiming = { lease: 1000, interval: 50, queryAfter: 400, grace: 1000 };

/**
 * Two to five processes compete for the same jobs. Any of them starts, cancels and retries jobs, while processes are shut
 * down, paused and killed. Every change of a job is checked against the model.
 */
export const racesAttack: Attack = {
  name: 'races',
  fits: ({ placement }) => placement !== 'dtm',
  async run({ target, random, seconds, surroundings, report }) {
    const processes = random.whole(2, 5);
    const scene = await Scene.open(target, random, surroundings, { processes, timing: TIMING });
    try {
      await scene.start();
      scene.vary = () => ({ concurrency: random.pick([1, 4, 32]) });
      const client = scene.client('r', 30);
      const end = performance.now() + seconds * 1000;
      const ended = (): boolean => performance.now() >= end;
      const plans = random.fork();
      const [, moves] = await Promise.all([
        client.run(surroundings.rate / 2, (order) => randomPlan(order, plans, 60), ended),
        disturb(scene, random.fork(), ended),
      ]);
      const settled = await scene.settle(60_000);
      report(await scene.judge(), { processes, kills: scene.fleet.kills, settled, ...moves });
    } finally {
      await scene.close();
    }
  },
};

async function disturb(scene: Scene, random: Random, ended: () => boolean) {
  const moves = { cancel: 0, retry: 0, terminate: 0, stop: 0, kill: 0 };
  const pending: Promise<void>[] = [];
  while (!ended()) {
    await sleep(random.whole(5, 60));
    const worker = scene.fleet.any();
    if (!worker) continue;
    const drawn = random.next();
    const gid = recentGid(scene.ledger, random);
    if (drawn < 0.45 && gid) {
      gid.canceled = true;
      worker.send({ cancel: gid.gid });
      moves.cancel += 1;
    } else if (drawn < 0.9 && gid) {
      worker.send({ retry: gid.gid });
      moves.retry += 1;
    } else if (drawn < 0.93) {
      worker.stop();
      moves.stop += 1;
      pending.push(sleep(scene.timing.lease * (0.3 + random.next())).then(() => worker.continue()));
    } else if (drawn < 0.94) {
      worker.terminate();
      moves.terminate += 1;
    } else if (drawn < 0.95) {
      worker.kill();
      moves.kill += 1;
    }
  }
  await Promise.all(pending);
  return moves;
}

/** One of the most recent jobs with a known gid, so that it is probably still running. */
function recentGid(ledger: Ledger, random: Random) {
  const recent = [...ledger.entries.values()].slice(-20).filter(({ gid }) => gid !== null);
  return recent.length > 0 ? random.pick(recent) : undefined;
}
