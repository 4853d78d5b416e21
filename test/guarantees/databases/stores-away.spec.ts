import { Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { TransactionManagerUnavailableError } from '../../../lib/index.js';
import { describeBackends } from '../../support/database.js';
import { expectRanOnce } from '../../support/fates.js';
import { Effect, Order } from '../../support/order.entity.js';
import { ShardDatabases, ShardedApplication, type ShardsOptions } from '../../support/shards.js';
import { Ping, ReserveStock, SendEmail } from '../../support/steps.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { waitFor } from '../../support/wait-for.js';

const NAMES = ['shard-a', 'shard-b', 'shard-c'];
const AWAY = /The job store of the DataSource 'shard-b'/;
const SETTINGS = { statementTimeout: 2500, leaseDuration: 5000, monitoring: { heartbeat: 200, flush: 200 } };

describeBackends(
  'one of three stores that is away',
  (backend) => {
    let databases: ShardDatabases;
    let proxy: TcpProxy;
    let app: ShardedApplication | undefined;

    beforeEach(async () => {
      databases = await ShardDatabases.create(backend, NAMES);
      proxy = await TcpProxy.start(databases.of('shard-b').url);
    });
    afterEach(async () => {
      vi.restoreAllMocks();
      await app?.close();
      app = undefined;
      await proxy.down();
      await databases.drop();
    });

    const throughProxy = () => ({ url: proxy.through(databases.of('shard-b').url) });

    async function open(options: ShardsOptions = {}): Promise<ShardedApplication> {
      return (app = await ShardedApplication.open(databases, {
        selfTm: SETTINGS,
        dataSource: (name) => (name === 'shard-b' ? throughProxy() : {}),
        ...options,
      }));
    }

    async function expectOthersRun(running: ShardedApplication): Promise<void> {
      // Gids of the library can be found whatever is away: no other store has them.
      for (const name of ['shard-a', 'shard-c']) await expectRanOnce(running, await running.ping(name));
    }

    async function expectIsMissing(running: ShardedApplication): Promise<void> {
      const unknown = running.admin.find('nobody');
      await expect(unknown).rejects.toBeInstanceOf(TransactionManagerUnavailableError);
      await expect(unknown).rejects.toThrow(AWAY);
      const page = await running.admin.list();
      expect(page.jobs.map(({ dataSource }) => dataSource)).not.toContain('shard-b');
      expect(page.missing).toMatchObject([{ dataSource: 'shard-b' }]);
      expect((await running.admin.count()).more).toBe(true);
      expect((await running.admin.audit()).missing).toMatchObject([{ dataSource: 'shard-b' }]);
      const note = { reason: 'a test', by: 'ada' };
      expect(await running.admin.retryAll({ name: 'none' }, note)).toMatchObject({
        matched: 0,
        missing: [{ dataSource: 'shard-b' }],
      });
      await waitFor(async () => (await running.operations.overview()).missing?.[0]?.dataSource === 'shard-b');
      expect(await running.operations.health()).toMatchObject({
        status: 'degraded',
        problems: [{ code: 'STORE_UNREACHABLE', text: expect.stringContaining("'shard-b'") as string }],
      });
    }

    it('stops only its own jobs, and they go on when it is back', async () => {
      const running = await open();
      let release = (): void => undefined;
      const gate = new Promise<void>((resolve) => (release = resolve));
      running.recording.onExecute = () => gate;
      const held = await running.ping('shard-b');
      const ofCaller = await running.ping('shard-c', { gid: 'of-the-caller' });
      await waitFor(() => running.recording.of(held).length + running.recording.of(ofCaller).length === 2);
      running.recording.onExecute = () => undefined;
      await proxy.down();
      release();
      await expectOthersRun(running);
      await expectIsMissing(running);
      // Whether shard-b has one of that gid as well, nobody can tell.
      await expect(running.admin.find(ofCaller)).rejects.toThrow(AWAY);
      await expect(running.admin.cancel(ofCaller)).rejects.toThrow(AWAY);
      await expect(
        running.of('shard-b').transaction(() => running.jobs.createJob().addStep(Ping).start()),
      ).rejects.toThrow();
      // Steps of the others can be paused and resumed, and whoever does is told of the one that is away.
      await expect(running.operations.pause('send-email', { reason: 'a test' })).rejects.toThrow(AWAY);
      await waitFor(async () => 'send-email' in (await running.operations.overview()).paused);
      await expect(running.operations.resume('send-email')).rejects.toThrow(AWAY);

      await proxy.up();
      expect((await running.ended(held)).status).toBe('succeeded');
      expect((await running.ended(ofCaller)).status).toBe('succeeded');
      await expectRanOnce(running, await running.ping('shard-b'));
      await waitFor(async () => (await running.operations.resume('send-email')) === false);
    });

    it('stops only its own jobs when it is silent', async () => {
      const running = await open();
      await expectRanOnce(running, await running.ping('shard-b'));
      proxy.onConnection = (connection) => {
        connection.toServer = () => undefined;
        connection.toClient = () => undefined;
      };
      proxy.silence();
      await expectOthersRun(running);
      await expectIsMissing(running);
      await expectOthersRun(running);
    });

    it('is asked again as soon as it is back, however seldom due jobs are looked for', async () => {
      const running = await open({ selfTm: { ...SETTINGS, recoveryInterval: '5m', monitoring: false } });
      const errors = vi.spyOn(Logger.prototype, 'error');
      // When it is due, the recovery looks for it, in vain.
      const gid = await running.ping('shard-b', { delay: 500 });
      await proxy.down();
      await waitFor(() =>
        errors.mock.calls.flat().some((line) => /cannot reach .* 'shard-b'/.test(String(line))),
      );
      expect((await running.admin.list()).missing).toMatchObject([{ dataSource: 'shard-b' }]);
      await proxy.up();
      await waitFor(async () => (await running.admin.list()).missing === undefined);
      expect((await running.admin.find(gid))?.dataSource).toBe('shard-b');
      expect((await running.ended(gid)).status).toBe('succeeded');
    });

    const outages = {
      'it refuses connections': () => proxy.down(),
      'it is silent': async () => {
        proxy.onConnection = (connection) => {
          connection.toServer = () => undefined;
          connection.toClient = () => undefined;
        };
        proxy.silence();
      },
    };
    for (const [how, begin] of Object.entries(outages)) {
      it(`leaves its slots to the jobs of others while ${how}`, async () => {
        const selfTm = { ...SETTINGS, leaseDuration: '1h', concurrency: 2 };
        const running = await open({ selfTm });
        let release = (): void => undefined;
        const gate = new Promise<void>((resolve) => (release = resolve));
        running.recording.onExecute = ({ step }) => (step === 'ping' ? undefined : gate);
        const left: string[] = [];
        for (let jobs = 0; jobs < 20; jobs += 1) {
          const { gid } = await running
            .of('shard-b')
            .transaction(() =>
              running.jobs
                .createJob()
                .addStep(ReserveStock, { orderId: 'o' })
                .addStep(SendEmail, { orderId: 'o' })
                .start(),
            );
          left.push(gid);
        }
        await waitFor(() => running.recording.executions.length === 2);
        await begin();
        release();
        await expectOthersRun(running);
        // Those that wait do not take the slots again.
        const { length } = running.recording.executions;
        await expectOthersRun(running);
        expect(running.recording.executions.length).toBe(length + 2);
        if (how === 'it is silent') return;
        await proxy.up();
        for (const gid of left) await expectRanOnce(running, gid, ['reserve-stock', 'send-email']);
      });
    }

    it('may be away at the start: the others run, and it is opened when it is there', async () => {
      const warnings = vi.spyOn(Logger.prototype, 'warn');
      const settings = { name: 'shard-b', entities: [Order, Effect], synchronize: true, ...throughProxy() };
      const late = await new DataSource(databases.of('shard-b').dataSourceOptions(settings)).initialize();
      await proxy.down();
      const running = await open({ late: { 'shard-b': late } });
      await expectOthersRun(running);
      await expectIsMissing(running);
      const told = () => warnings.mock.calls.flat().filter((line) => AWAY.test(String(line)));
      expect(told()).toHaveLength(1);
      await proxy.up();
      await expectRanOnce(running, await running.ping('shard-b'));
      await waitFor(async () => (await running.admin.list()).missing === undefined);
      // A job that another process has left there is found by the recovery of this one.
      await databases
        .of('shard-b')
        .query(
          `UPDATE stepping_jobs SET status = 'submitted', due_at = created_at, owner = NULL, ended_at = NULL`,
        );
      await waitFor(() => running.recording.executions.filter(({ step }) => step === 'ping').length === 4);
    });

    it('may be silent at the start', async () => {
      const settings = { name: 'shard-b', entities: [Order, Effect], synchronize: true, ...throughProxy() };
      const late = await new DataSource(databases.of('shard-b').dataSourceOptions(settings)).initialize();
      proxy.onConnection = (connection) => {
        connection.toServer = () => undefined;
        connection.toClient = () => undefined;
      };
      proxy.silence();
      const running = await open({ late: { 'shard-b': late } });
      await expectOthersRun(running);
      await expectIsMissing(running);
    });

    it('may be connected by the application later', async () => {
      const settings = { name: 'shard-b', entities: [Order, Effect], synchronize: true };
      const late = new DataSource(databases.of('shard-b').dataSourceOptions(settings));
      const running = await open({ late: { 'shard-b': late } });
      await expectOthersRun(running);
      await expectIsMissing(running);
      await late.initialize();
      await expectRanOnce(running, await running.ping('shard-b'));
    });

    it('is told with the first job that belongs there', async () => {
      const settings = { name: 'shard-a', entities: [Order, Effect], synchronize: true };
      const late = new DataSource(databases.of('shard-a').dataSourceOptions(settings));
      const running = await open({ late: { 'shard-a': late } });
      const alone = running.jobs.createJob({ transaction: 'none' }).addStep(Ping).start();
      await expect(alone).rejects.toThrow(/The job store of the DataSource 'shard-a'/);
      await expectRanOnce(running, await running.ping('shard-c'));
    });
  },
  ['postgres', 'mariadb'],
);
