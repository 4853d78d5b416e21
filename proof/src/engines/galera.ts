import { existsSync } from 'node:fs';
import { accountOf } from '../accounts.js';
import { NetworkProxy } from '../proxy.js';
import type { Random } from '../random.js';
import { sleep } from '../wait.js';
import type { Engine, EngineContext, RunningEngine } from './engine.js';
import { GALERA_LIBRARY, GaleraNode, MARIADB, MARIADB_INSTALL } from './galera-node.js';
import { galeraSuites } from './galera-suites.js';

const NODES = 3;

/**
 * MariaDB Galera: three nodes. The application's processes use the first two, each through a proxy that leads to another node while
 * theirs is down. The checker and the suites use the third, which is never killed.
 */
export const galera: Engine = {
  name: 'galera',
  placements: ['one', 'two'],
  byHand: 'by hand: npm run engines:galera',
  lacks() {
    for (const file of [MARIADB, MARIADB_INSTALL, GALERA_LIBRARY, '/usr/bin/rsync']) {
      if (!existsSync(file))
        return `there is no ${file}; on Debian: apt-get install mariadb-server galera-4 rsync`;
    }
    return accountOf('mysql') ? undefined : 'there is no user mysql for its servers';
  },
  start,
};

async function start({ log }: EngineContext): Promise<RunningEngine> {
  const nodes: GaleraNode[] = [];
  const proxies: NetworkProxy[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(proxies.map((proxy) => proxy.stop()));
    // Nobody takes over from them, so nothing is lost by not asking.
    await Promise.all(nodes.map((node) => node.remove()));
  };
  try {
    for (let place = 0; place < NODES; place += 1) nodes.push(await GaleraNode.create(place));
    for (const [place, node] of nodes.entries()) {
      log(`galera: node ${place + 1} of ${NODES}`);
      await node.join(nodes, { bootstrap: place === 0 });
      if (place === 0) await node.allowRoot();
    }
    const [first, second, third] = nodes as [GaleraNode, GaleraNode, GaleraNode];
    for (const node of [first, second]) proxies.push(await NetworkProxy.start(node.url));
    return {
      version: await third.version(),
      backend: 'mariadb',
      url: third.url,
      urlOf: (place) => proxies[place % proxies.length]!.url,
      numbersPerServer: true,
      environment: {
        MYSQL_URL: third.url,
        GALERA_URLS: [third, first, second].map(({ url }) => url).join(','),
        DATABASE_URL: 'off',
      },
      suites: galeraSuites,
      disturb: async (random, ended) => {
        const [killed] = await Promise.all([
          killNodes(nodes, proxies, random.fork(), ended),
          third.overload(random.fork(), ended),
        ]);
        return killed;
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Kills one of the nodes that the application uses, and lets it join again, until `ended()`. */
async function killNodes(
  nodes: readonly GaleraNode[],
  proxies: readonly NetworkProxy[],
  random: Random,
  ended: () => boolean,
): Promise<number> {
  let killed = 0;
  await sleep(random.whole(1000, 3000));
  while (!ended()) {
    const place = random.whole(0, proxies.length - 1);
    const [node, proxy] = [nodes[place]!, proxies[place]!];
    await node.kill();
    killed += 1;
    // Its process has connections to both of the others, as behind a load balancer.
    const others = nodes.filter((other) => other !== node).map(({ url }) => url) as [string, string];
    proxy.redirect(...others);
    await sleep(random.whole(500, 4000));
    // It asks for what it has missed, or gets everything again, for which its donor stops to write.
    await node.join(nodes, { recover: random.chance(0.6) });
    proxy.redirect(node.url);
    // Otherwise the process has connections to all nodes from now on.
    if (random.chance(0.5)) proxy.cut('whole');
    await sleep(random.whole(1000, 6000));
  }
  return killed;
}
