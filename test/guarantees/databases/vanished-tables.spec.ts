import { Logger } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { tenantTransaction } from '../../../lib/index.js';
import { suiteApplication } from '../../support/suite-application.js';
import { connect, TestApplication } from '../../support/application.js';
import { Databases, describePlacements } from '../../support/placements.js';
import { expectRanOnce, startPing } from '../../support/fates.js';
import { Order } from '../../support/order.entity.js';
import { createDatabase, describeBackends, onTidb, type TestDatabase } from '../../support/database.js';
import { ShardDatabases, ShardedApplication } from '../../support/shards.js';
import { Ping } from '../../support/steps.js';
import { waitFor } from '../../support/wait-for.js';

describePlacements(
  'tables that vanish while the application is running',
  (backend, placement) => {
    let app: TestApplication;
    suiteApplication(backend, placement, (started) => ({ app } = started));

    const place = (id: string): Promise<string> =>
      app.dataSource.transaction(async (manager) => {
        await manager.insert(Order, { id });
        return startPing(app);
      });

    it('come back with synchronize(true), and with dropDatabase()', async () => {
      await app.dataSource.synchronize(true);
      await expectRanOnce(app, await place('synchronized'));
      await app.dataSource.dropDatabase();
      await app.dataSource.synchronize();
      await expectRanOnce(app, await place('dropped'));
    });

    it('come back with a job, after an error that names them at most', async () => {
      await app.dataSource.query('DROP TABLE stepping_jobs');
      const first = await place('first').catch((error: unknown) => error);
      // The recovery may have noticed it before.
      if (typeof first !== 'string') {
        const lost = { code: 'STEPPING_TABLES_MISSING', missing: ['stepping_jobs'] };
        // It may be a table of TiDB that is there, and younger than the transaction.
        expect(first).toMatchObject(onTidb ? { code: 'STEPPING_TRANSACTION_CONFLICT', cause: lost } : lost);
        expect(await app.dataSource.getRepository(Order).countBy({ id: 'first' })).toBe(0);
      }
      await expectRanOnce(app, await place('second'));
    });
  },
  undefined,
  ['one'],
);

describeBackends('tables that vanish in one store of two, and cannot be created again', (backend) => {
  let databases: ShardDatabases;
  let app: ShardedApplication | undefined;

  beforeEach(async () => {
    databases = await ShardDatabases.create(backend, ['shard-a', 'shard-b']);
    await (await ShardedApplication.open(databases)).close();
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await app?.close();
    await databases.drop();
  });

  it('fail no job of the other one', async () => {
    app = await ShardedApplication.open(databases, { module: { autoMigrate: false } });
    const running = app;
    const errors = vi.spyOn(Logger.prototype, 'error');
    await databases.of('shard-b').query('DROP TABLE stepping_jobs');
    await expect(running.ping('shard-b')).rejects.toThrow();
    for (let jobs = 0; jobs < 3; jobs += 1) {
      await expectRanOnce(running, await running.ping('shard-a'));
      await expect(running.ping('shard-b')).rejects.toThrow();
    }
    const told = errors.mock.calls.flat().filter((line) => String(line).includes('cannot be created there'));
    expect(told).toEqual([expect.stringContaining("'shard-b'")]);
    // Somebody with the right to do so creates them.
    await databases.of('shard-b').query('DROP TABLE stepping_migrations');
    await (await ShardedApplication.open(databases)).close();
    const gid = await waitFor(() => running.ping('shard-b').catch(() => undefined));
    await expectRanOnce(running, gid);
  });
});

describeBackends(
  'the table of a tenant that vanishes',
  (backend) => {
    let databases: Databases;
    let place: TestDatabase;
    let tenant: DataSource;
    let app: TestApplication;

    beforeEach(async () => {
      databases = await Databases.create(backend, 'one');
      place = await createDatabase(backend);
      tenant = await connect(place, { name: 'tenants' });
      app = await TestApplication.start(databases, {
        module: { dataSourceResolver: ({ tenant: name }) => (name === 'acme' ? tenant : undefined) },
      });
    });
    afterEach(async () => {
      await app?.close();
      await tenant?.destroy();
      await place?.drop();
      await databases?.drop();
    });

    const start = async () => {
      const { gid } = await tenant.transaction((manager) =>
        app.jobs
          .createJob({ transaction: tenantTransaction(manager, 'acme') })
          .addStep(Ping)
          .start(),
      );
      return gid;
    };

    it('comes back with a job of that tenant, and with no other', async () => {
      await waitFor(() => start().catch(() => undefined));
      await tenant.query('DROP TABLE stepping_barrier');
      await expect(start()).rejects.toThrow();
      await expectRanOnce(app, await app.dataSource.transaction(() => startPing(app)));
      await expect(tenant.query('SELECT gid FROM stepping_barrier')).rejects.toThrow();
      await expectRanOnce(app, await waitFor(() => start().catch(() => undefined)));
    });
  },
  ['postgres', 'mariadb'],
);
