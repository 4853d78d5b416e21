import type { WorkerProcess } from '../process.js';
import type { Attack } from '../run.js';
import { Scene } from '../scene.js';
import { sleep, until } from '../wait.js';
import { planFor } from './kill.js';

/**
 * SIGTERM under load, one process after the other. Afterwards no lease may be left, and nothing may have requested a connection
 * from the pool after it was closed.
 */
export const shutdownAttack: Attack = {
  name: 'shutdown',
  fits: () => true,
  async run({ target, random, seconds, surroundings, report }) {
    const scene = await Scene.open(target, random, surroundings);
    try {
      await scene.start();
      const client = scene.client('t');
      let ended = false;
      const plans = random.fork();
      const load = client.run(
        surroundings.rate,
        (order) => planFor(target, order, plans),
        () => ended,
      );
      const end = performance.now() + seconds * 1000;
      const found = { shutdowns: 0, notOrderly: 0, leasesLeft: 0 };
      const tookMs: number[] = [];
      while (performance.now() < end) {
        await sleep(random.whole(300, 1200));
        const worker = scene.fleet.any();
        if (!worker) continue;
        const started = performance.now();
        worker.terminate();
        const exited = await until(() => worker.ended, 30_000, 5);
        tookMs.push(performance.now() - started);
        found.shutdowns += 1;
        if (!exited || !worker.seen['pool-closed']) found.notOrderly += 1;
        found.leasesLeft += await leasesOf(scene, worker);
      }
      ended = true;
      await load;
      const settled = await scene.settle(60_000);
      const verdict = await scene.judge();
      const lateQueries = scene.fleet.lives.reduce((sum, life) => sum + (life.seen['late-query'] ?? 0), 0);
      const leasesLeft = found.leasesLeft + found.notOrderly;
      const longest = Math.round(Math.max(0, ...tookMs));
      report(
        { ...verdict, forbidden: { ...verdict.forbidden, lateQueries, leasesLeft } },
        { ...found, lateQueries, settled, longestShutdownMs: longest },
      );
    } finally {
      await scene.close();
    }
  },
};

/**
 * Jobs still leased with a token of this process. A lease that it lost earlier, or whose step ignored its signal, did not have
 * to be handed back.
 */
async function leasesOf(scene: Scene, worker: WorkerProcess): Promise<number> {
  if (scene.dtm) return 0;
  const rows = await scene.store.query<{ gid: string }>(
    `SELECT gid FROM stepping_jobs
      WHERE due_at IS NOT NULL AND status = 'submitted'
        AND owner IN (SELECT new_owner FROM proof_audit WHERE writer = '${worker.name}' AND new_owner IS NOT NULL)`,
  );
  return rows.filter(({ gid }) => !worker.lostLeases.has(gid)).length;
}
