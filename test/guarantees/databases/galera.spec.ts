import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DistributedJobFactory } from '../../../lib/index.js';
import { TestApplication } from '../../support/application.js';
import { BusinessEffect } from '../../support/business-effect.step.js';
import { Effect, Order } from '../../support/order.entity.js';
import { Databases } from '../../support/placements.js';
import { SendEmail } from '../../support/steps.js';
import { TcpProxy } from '../../support/tcp-proxy.js';

/** The nodes of a cluster. */
const nodes = process.env.GALERA_URLS?.split(',') ?? [];
const why = nodes.length > 2 ? '' : ' (skipped: GALERA_URLS names no three nodes: npm run engines:galera)';
const JOBS = 36;
const AT_ONCE = 6;
/** The other nodes take most of a second to apply it, and everything after it waits for that. */
const LARGE = 60_000;
const SETTINGS = { leaseDuration: 20_000, recoveryInterval: 100 };

describe.skipIf(why !== '')(`behind a load balancer of a Galera cluster [mariadb]${why}`, () => {
  let databases: Databases;
  let balancer: TcpProxy;
  let apps: TestApplication[];

  beforeAll(async () => {
    databases = await Databases.create('mariadb', 'one');
    balancer = await TcpProxy.inTurn(nodes);
    const dataSource = { url: balancer.through(databases.business.url) };
    const start = () =>
      TestApplication.start(databases, { selfTm: SETTINGS, providers: [BusinessEffect], dataSource });
    apps = [await start(), await start()];
  });
  afterAll(async () => {
    for (const app of apps ?? []) await app.close();
    await balancer?.down();
    await databases?.drop();
  });

  it('one process has connections to all nodes', async () => {
    const { dataSource } = apps[0]!;
    const asked = Array.from({ length: 6 }, () =>
      dataSource.transaction(async (manager) => {
        const [{ node }] = await manager.query('SELECT @@wsrep_node_name AS node, SLEEP(0.2)');
        return node as string;
      }),
    );
    expect(new Set(await Promise.all(asked)).size).toBe(nodes.length);
  });

  it('each step of a committed job runs once, although two nodes are behind', async () => {
    const { dataSource: source } = apps[0]!;
    await source.query('CREATE TABLE large (id INT PRIMARY KEY, text VARCHAR(200))');
    const place = async (at: number): Promise<string> => {
      const { dataSource, jobs } = apps[at % 2]!;
      return dataSource.transaction(async (manager) => {
        await manager.insert(Order, { id: `order-${at}` });
        const job = build(jobs);
        await job.start();
        return job.gid;
      });
    };
    const gids: string[] = [];
    while (gids.length < JOBS) {
      await source.query('TRUNCATE large');
      await source.query(`INSERT INTO large SELECT seq, REPEAT('x', 100) FROM seq_1_to_${LARGE}`);
      // The pools keep connections for the progress of those that are started at the node that is ahead.
      const some = Array.from({ length: AT_ONCE }, (_, at) => place(gids.length + at));
      gids.push(...(await Promise.all(some)));
    }
    const ended = await Promise.all(gids.map((gid, at) => apps[at % 2]!.ended(gid)));
    expect(ended.map(({ status }) => status)).toEqual(gids.map(() => 'succeeded'));
    const began = apps.flatMap(({ recording }) => recording.executions);
    expect(began.filter(({ step }) => step === 'send-email')).toHaveLength(2 * JOBS);
    expect(await apps[0]!.count(Effect)).toBe(JOBS);
  });

  function build(jobs: DistributedJobFactory) {
    return jobs
      .createJob()
      .addStep(SendEmail, { orderId: 'o' })
      .addStep(BusinessEffect, {})
      .addStep(SendEmail, { orderId: 'o' });
  }
});
