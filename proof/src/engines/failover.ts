import type { Engine, RunningEngine } from './engine.js';
import { lossRun } from './loss-run.js';
import { lacksPostgres } from './postgres-node.js';
import { PostgresPair } from './postgres-pair.js';

/**
 * PostgreSQL with a standby that commits wait for. The primary is killed, or becomes read-only while connections to it stay open,
 * and the standby takes its place. The application's processes and the checker reach the primary through a proxy.
 *
 * Afterwards the standby does not get everything, and takes the place of the primary all the same.
 */
export const failover: Engine = {
  name: 'failover',
  lacks: lacksPostgres,
  async start() {
    const pair = await PostgresPair.start();
    return {
      version: await pair.primary.version(),
      backend: 'postgres',
      url: pair.proxy.url,
      environment: {},
      suites: [],
      disturb: (random, ended) => pair.disturb(random, ended),
      further: (settings) => lossRun(pair, settings),
      stop: () => pair.stop(),
    } satisfies RunningEngine;
  },
};
