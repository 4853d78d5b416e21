import { haveSucceeded } from '../evidence-reader.js';
import type { JobPlan, StepPlan } from '../plan.js';
import type { Attack } from '../run.js';
import { Scene } from '../scene.js';
import { SlowServer } from '../slow-server.js';
import { until } from '../wait.js';

const CONCURRENCY = 8;
const PROCESSES = 2;
const CALLS_PER_SECOND = 400;
const MOST_CALLS = 2000;
/** Jobs of another step that each process starts meanwhile. */
const OTHERS = 8;
const ANSWER_MS = 100;
/** Until the process has noticed that the calls are slow, and a machine that is busy. */
const PATIENCE_MS = 10_000;
/** Half of them would be the fair share of each process. */
const LEAST_SHARE = 1 / 4;

/**
 * One process has started many jobs that call a server that never answers, and later answers slowly. Jobs of another step must
 * run meanwhile in both processes, and the other process must get its share of the calls. The number of calls grows with `--seconds`:
 * 400 for each, up to 2,000.
 */
export const slowAttack: Attack = {
  name: 'slow',
  fits: ({ placement }) => placement !== 'dtm',
  async run({ target, random, seconds, surroundings, report }) {
    const scene = await Scene.open(target, random, surroundings, { processes: PROCESSES });
    scene.undisturbed = true;
    const server = await SlowServer.start();
    try {
      await scene.start(() => ({ concurrency: CONCURRENCY }));
      const client = scene.client('s');
      const [busy, idle] = scene.fleet.current;
      const place = (order: string, step: StepPlan, worker = busy): string => {
        const plan: JobPlan = { order, ownGid: true, fate: 'commit', steps: [step] };
        client.place(plan, worker);
        return order;
      };
      const calls = Math.min(MOST_CALLS, Math.max(1, Math.round(seconds * CALLS_PER_SECOND)));
      const took: number[] = [];
      /** Whether the others run beside the calls. */
      const goOn = async (prefix: string): Promise<boolean> => {
        const gids = scene.fleet.current.flatMap((worker) =>
          Array.from({ length: OTHERS }, (_, at) =>
            place(`${prefix}-${worker.name}-${at}`, { kind: 'append', work: 0 }, worker),
          ),
        );
        const since = performance.now();
        const done = await until(() => haveSucceeded(scene.store, gids), PATIENCE_MS, 100);
        took.push(Math.round(performance.now() - since));
        return done === true;
      };
      const end = performance.now() + seconds * 1000;
      let settled = true;
      for (let round = 0; settled && (round === 0 || performance.now() < end); round += 1) {
        server.answerAfter(undefined);
        for (let at = 0; at < calls; at += 1)
          place(`s${round}-${at}`, { kind: 'call', work: 0, url: server.url });
        await until(() => client.unanswered === 0, 60_000);
        settled = await goOn(`s${round}-silent`);
        settled &&= (await until(async () => (await callsOf(idle!.name)) > 0, PATIENCE_MS, 100)) === true;
        server.answerAfter(ANSWER_MS);
        settled = (await goOn(`s${round}-slow`)) && settled;
        settled = (await scene.settle(120_000)) && settled;
      }
      const shares = await Promise.all(scene.fleet.current.map(({ name }) => callsOf(name)));
      const smallest = Math.min(...shares) / (shares[0]! + shares[1]!);
      settled &&= smallest >= LEAST_SHARE;
      const figures = { calls, slowest: Math.max(...took), smallestShare: Number(smallest.toFixed(2)) };
      report(await scene.judge(), { ...figures, settled });
    } finally {
      await server.stop();
      await scene.close();
    }

    async function callsOf(worker: string): Promise<number> {
      const [row] = await scene.business.query<{ calls: number | string }>(
        `SELECT count(*) AS calls FROM proof_effects WHERE kind = 'call' AND worker = '${worker}'`,
      );
      return Number(row!.calls);
    }
  },
};
