import { NetworkProxy } from '../proxy.js';
import type { Random } from '../random.js';
import type { Attack, Surroundings } from '../run.js';
import { Scene, type Variation } from '../scene.js';
import type { Target } from '../target.js';
import { sleep } from '../wait.js';
import { planFor } from './kill.js';

const HOUR = 3600 * 1000;

/** One kind of fault, which lasts `length` milliseconds. */
interface Fault {
  readonly name: string;
  run(length: number): Promise<unknown>;
}

/**
 * The environment fails, but no process is killed: connections, network, answers to COMMIT, the server itself, the right to
 * write. Throughout, clocks are an hour off or jump, and pools have one or two connections.
 */
export const faultsAttack: Attack = {
  name: 'faults',
  fits: () => true,
  async run({ target, random, seconds, surroundings, report }) {
    const scene = await Scene.open(target, random, surroundings);
    const proxy = target.backend === 'sqlite' ? undefined : await NetworkProxy.start(scene.business.url);
    try {
      scene.connectionsCut = true;
      const vary = (place: number): Variation => variation(target, place, proxy);
      await scene.start(vary);
      const client = scene.client('f');
      const faults = faultsOf(scene, proxy, random.fork(), surroundings);
      const plans = random.fork();
      const figures: Record<string, unknown> = {};
      let ended = false;
      const load = client.run(
        surroundings.rate,
        (order) => planFor(target, order, plans),
        () => ended,
      );
      const length = (seconds * 1000) / faults.length;
      for (const fault of faults) {
        figures[fault.name] = (await fault.run(length)) ?? true;
        // Leaves time to recover between two faults.
        await sleep(Math.min(2000, length / 4));
      }
      ended = true;
      await load;
      if (proxy) figures.commitsCaught = proxy.caught;
      proxy?.atCommit(undefined);
      figures.settled = await scene.settle(90_000);
      report(await scene.judge(), figures);
    } finally {
      await proxy?.stop();
      await scene.close();
    }
  },
};

/** SQLite uses the host's clock. There, the library does not support a process with another clock. */
function variation({ backend }: Target, place: number, proxy: NetworkProxy | undefined): Variation {
  if (backend === 'sqlite') return {};
  const clocks: Variation[] = [{ clockOffset: HOUR }, { clockOffset: -HOUR }, { clockJump: 2 * HOUR }];
  const pools: Variation[] = [{ poolSize: 2 }, { poolSize: 1 }, {}];
  return { ...clocks[place % 3], ...pools[place % 3], businessUrl: proxy?.url };
}

function faultsOf(
  scene: Scene,
  proxy: NetworkProxy | undefined,
  random: Random,
  { own }: Surroundings,
): readonly Fault[] {
  const { business, store, target, dtm } = scene;
  const databases = business === store ? [business] : [business, store];
  const faults: Fault[] = [];
  if (target.backend !== 'sqlite') {
    faults.push({
      name: 'connectionsKilled',
      run: async (length) => {
        let killed = 0;
        const end = performance.now() + length;
        while (performance.now() < end) {
          for (const database of databases) killed += await database.killConnections();
          await sleep(random.whole(200, 800));
        }
        return killed;
      },
    });
  }
  faults.push({
    name: target.backend === 'sqlite' ? 'writeLockHeld' : 'readOnly',
    run: async (length) => {
      // First the business database alone, then that of the jobs: one may be writable while the other is not.
      for (const database of databases) {
        await database.setReadOnly(true);
        await sleep(Math.min(2500, length / databases.length));
        await database.setReadOnly(false);
      }
    },
  });
  if (proxy) faults.push(...networkFaults(proxy, random));
  const server = target.backend === 'sqlite' ? undefined : own[target.backend];
  if (server) {
    faults.push({
      name: 'serverCrashes',
      run: async (length) => {
        await sleep(Math.min(1000, length / 2));
        await server.crash();
        for (const database of databases) await database.reconnect();
        return 1;
      },
    });
  }
  if (dtm) {
    faults.push({
      name: 'dtmKilled',
      run: async (length) => {
        let kills = 0;
        const end = performance.now() + length;
        while (performance.now() < end) {
          await dtm.restart();
          kills += 1;
          await sleep(random.whole(500, 1500));
        }
        return kills;
      },
    });
  }
  return faults;
}

function networkFaults(proxy: NetworkProxy, random: Random): Fault[] {
  return [
    {
      name: 'networkStalls',
      run: async (length) => {
        proxy.stall(true);
        await sleep(Math.min(1500, length / 2));
        proxy.stall(false);
      },
    },
    {
      name: 'connectionsCut',
      run: async (length) => {
        let cut = 0;
        const end = performance.now() + length;
        while (performance.now() < end) {
          cut += proxy.cut(random.pick(['half', 'whole'] as const));
          await sleep(random.whole(200, 800));
        }
        return cut;
      },
    },
    {
      name: 'commitAnswersLost',
      run: async (length) => {
        proxy.atCommit(() => {
          if (!random.chance(0.05)) return undefined;
          return random.chance(0.5) ? 'lost' : 'answer-lost';
        });
        await sleep(length);
        proxy.atCommit(undefined);
      },
    },
  ];
}
