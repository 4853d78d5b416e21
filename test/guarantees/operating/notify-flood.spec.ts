import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import type { SelfTmOptions } from '../../../lib/index.js';
import { TestApplication } from '../../support/application.js';
import { describeBackends, type TestDatabase } from '../../support/database.js';
import { expectRanOnce, startPing } from '../../support/fates.js';
import { logger, logOf } from '../../support/log-lines.js';
import { Databases } from '../../support/placements.js';
import { StatementLog } from '../../support/statement-log.js';
import { waitFor } from '../../support/wait-for.js';

/** A connection of a role that may do nothing but connect. */
class Stranger {
  private constructor(
    private readonly client: pg.Client,
    private readonly role: string,
  ) {}

  static async connect(database: TestDatabase): Promise<Stranger> {
    const role = `stepping_stranger_${randomBytes(4).toString('hex')}`;
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    await client.query(`CREATE ROLE ${role}`);
    await client.query(`SET ROLE ${role}`);
    return new Stranger(client, role);
  }

  /** Sends notifications for so many milliseconds, so many in each transaction; returns how many. */
  async notify(channel: string, milliseconds: number, payload = '', atOnce = 1): Promise<number> {
    const until = performance.now() + milliseconds;
    let sent = 0;
    for (; performance.now() < until; sent += atOnce) {
      const params = [channel, payload, atOnce];
      await this.client.query(
        'SELECT pg_notify($1, repeat(n::text, 8) || $2) FROM generate_series(1, $3) n',
        params,
      );
    }
    return sent;
  }

  async close(): Promise<void> {
    await this.client.query(`RESET ROLE`);
    await this.client.query(`DROP ROLE ${this.role}`);
    await this.client.end();
  }
}

describeBackends(
  'a flood of NOTIFY by a role without rights',
  () => {
    let databases: Databases;
    let log: StatementLog;
    let worker: TestApplication;
    let starter: TestApplication;
    let stranger: Stranger;
    let channel: string;

    beforeAll(async () => {
      databases = await Databases.create('postgres', 'one');
      stranger = await Stranger.connect(databases.business);
    });
    beforeEach(async () => {
      log = new StatementLog();
      // Jobs are found by notifications alone.
      const start = (options: SelfTmOptions) =>
        TestApplication.start(databases, {
          selfTm: { recoveryInterval: '1h', ...options },
          customize: (builder) => builder.setLogger(logger),
        });
      worker = await start({});
      starter = await start({ runSteps: false });
      await waitFor(() => log.count(/^LISTEN/) === 1);
      const listen = log.statements.find(({ sql }) => sql.startsWith('LISTEN'))!;
      channel = /"(.*)"/.exec(listen.sql)![1]!;
      await runs();
    });
    afterEach(async () => {
      await starter?.close();
      await worker?.close();
      log.close();
    });
    afterAll(async () => {
      await stranger?.close();
      await databases?.drop();
    });

    /** A job of the other process, which this one is told of. */
    const runs = async () => {
      const gid = await starter.dataSource.transaction(() => startPing(starter));
      await expectRanOnce(worker, gid);
    };
    const claims = () => log.count(/WITH due AS/);

    it('costs few claims', async () => {
      const before = claims();
      const since = performance.now();
      const sent = await stranger.notify(channel, 2000);
      const during = claims() - before;
      expect(sent).toBeGreaterThan(50);
      expect(logOf(channel)).toEqual([]);
      // Ten at once, and twenty in a second.
      expect(during).toBeLessThanOrEqual(10 + (performance.now() - since) / 50 + 1);
      await runs();
    });

    it('keeps no job waiting', async () => {
      const flood = stranger.notify(channel, 1500);
      for (let n = 0; n < 5; n += 1) await runs();
      await flood;
    });

    it('is not read when its payloads are large', async () => {
      const connections = () => new Set(log.statements.filter(({ sql }) => sql.startsWith('LISTEN'))).size;
      const before = connections();
      const sent = await stranger.notify(channel, 1000, 'x'.repeat(7900), 10);
      expect(sent).toBeGreaterThan(130);
      await waitFor(() => logOf(channel).length > 0, { message: 'the flood to be reported' });
      const text = expect.stringContaining('is flooded') as string;
      expect(logOf(channel)).toEqual([{ level: 'warn', text }]);
      // Nobody listens; then somebody does again, and looks for what was missed.
      const gid = await starter.dataSource.transaction(() => startPing(starter));
      await waitFor(() => connections() === before + 1, { timeout: 20_000 });
      await expectRanOnce(worker, gid);
      await runs();
      expect(logOf(channel)).toHaveLength(1);
    });
  },
  ['postgres'],
);
