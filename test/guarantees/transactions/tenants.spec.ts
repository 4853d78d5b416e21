import type { DataSource } from 'typeorm';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { tenantTransaction, type DatabaseLookup } from '../../../lib/index.js';
import { connect, TestApplication } from '../../support/application.js';
import { Databases, describeManagers } from '../../support/placements.js';
import { expectNeverRan, expectRanOnce } from '../../support/fates.js';
import { Order } from '../../support/order.entity.js';
import { Ping } from '../../support/steps.js';
import { createDatabase, type TestDatabase } from '../../support/database.js';

describeManagers(
  'a database per tenant',
  (backend, placement) => {
    const tenants = new Map<string, DataSource>();
    const lookups: DatabaseLookup[] = [];
    const places: TestDatabase[] = [];
    let databases: Databases;
    let app: TestApplication;

    beforeAll(async () => {
      databases = await Databases.create(backend, placement);
      for (const tenant of ['acme', 'globex']) {
        const place = await createDatabase(backend);
        places.push(place);
        // No provider of the application: only the resolver knows it.
        tenants.set(tenant, await connect(place, { name: 'tenants' }));
      }
      app = await TestApplication.start(databases, {
        module: {
          dataSourceResolver: (lookup) => {
            lookups.push(lookup);
            return lookup.dataSource === 'tenants' ? tenants.get(lookup.tenant ?? '') : undefined;
          },
        },
      });
    });
    beforeEach(() => void lookups.splice(0));
    afterAll(async () => {
      await app?.close();
      for (const dataSource of tenants.values()) await dataSource.destroy();
      for (const place of places) await place.drop();
      await databases?.drop();
    });

    it('carries jobs in the transactions of every tenant', async () => {
      for (const [tenant, dataSource] of tenants) {
        const { gid } = await dataSource.transaction(async (manager) => {
          await manager.insert(Order, { id: tenant });
          return app.jobs
            .createJob({ transaction: tenantTransaction(manager, tenant) })
            .addStep(Ping)
            .start();
        });
        await expectRanOnce(app, gid);
      }
    });

    it('is found again by the tenant when the submit never came', async () => {
      const [acme, globex] = [...tenants.values()] as [DataSource, DataSource];
      const prepare = async (
        dataSource: DataSource,
        tenant: string,
        end: 'commitTransaction' | 'rollbackTransaction',
      ) => {
        const runner = dataSource.createQueryRunner();
        await runner.startTransaction();
        const job = app.jobs.createJob({ transaction: tenantTransaction(runner, tenant) }).addStep(Ping);
        await job.prepare();
        await runner[end]();
        await runner.release();
        return job.gid;
      };
      const committed = await prepare(acme, 'acme', 'commitTransaction');
      const rolledBack = await prepare(globex, 'globex', 'rollbackTransaction');
      await expectRanOnce(app, committed);
      await expectNeverRan(app, rolledBack);
      expect(lookups).toContainEqual({ dataSource: 'tenants', tenant: 'acme' });
      expect(lookups).toContainEqual({ dataSource: 'tenants', tenant: 'globex' });
    });

    it('is opened again when the transaction that opened it rolled back', async () => {
      const place = await createDatabase(backend);
      places.push(place);
      const initech = await connect(place, { name: 'tenants' });
      tenants.set('initech', initech);
      const start = async (fails: boolean) => {
        let gid = '';
        const work = initech.transaction(async (manager) => {
          ({ gid } = await app.jobs
            .createJob({ transaction: tenantTransaction(manager, 'initech') })
            .addStep(Ping)
            .start());
          if (fails) throw new Error('no');
        });
        if (fails) await expect(work).rejects.toThrow('no');
        else await work;
        return gid;
      };
      const rolledBack = await start(true);
      const committed = await start(false);
      await expectRanOnce(app, committed);
      await expectNeverRan(app, rolledBack);
    });

    it('keeps a prepared job whose database cannot be found, until it can', async () => {
      const acme = tenants.get('acme')!;
      tenants.delete('acme');
      try {
        const runner = acme.createQueryRunner();
        await runner.startTransaction();
        const job = app.jobs.createJob({ transaction: tenantTransaction(runner, 'acme') }).addStep(Ping);
        await job.prepare();
        await runner.commitTransaction();
        await runner.release();
        await expect.poll(() => lookups.length, { timeout: 60_000 }).toBeGreaterThan(1);
        expect((await app.admin.find(job.gid))?.status).toBe('prepared');
        tenants.set('acme', acme);
        await expectRanOnce(app, job.gid);
      } finally {
        tenants.set('acme', acme);
      }
    });
  },
  { selfTm: ['one'], atDtm: ['postgres'] },
);
