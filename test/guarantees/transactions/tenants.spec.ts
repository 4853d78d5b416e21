import type { DataSource } from 'typeorm';
import { Logger } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import {
  InvalidOptionError,
  TransactionConflictError,
  tenantTransaction,
  type DatabaseLookup,
} from '../../../lib/index.js';
import { connect, TestApplication } from '../../support/application.js';
import { Databases, describeManagers, describePlacements } from '../../support/placements.js';
import { expectNeverRan, expectRanOnce } from '../../support/fates.js';
import { waitFor } from '../../support/wait-for.js';
import { Order } from '../../support/order.entity.js';
import { Ping } from '../../support/steps.js';
import { type TestDatabase, createDatabase, exceptOnTidb, onTidb } from '../../support/database.js';

const itMadeMeanwhile = exceptOnTidb('a transaction sees no table there that was created after its begin');

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
      // The tables of a tenant are created by its first job, whose transaction has to be repeated on TiDB.
      for (const [tenant, dataSource] of onTidb && placement === 'one' ? tenants : []) {
        const first = dataSource.transaction((manager) =>
          app.jobs
            .createJob({ transaction: tenantTransaction(manager, tenant) })
            .addStep(Ping)
            .start(),
        );
        await expect(first).rejects.toMatchObject({ code: 'STEPPING_TRANSACTION_CONFLICT' });
      }
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

    itMadeMeanwhile('is opened again when the transaction that opened it rolled back', async () => {
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

    /** A job of an own gid, in a transaction that inserts an order with it. */
    const order = (tenant: string, gid: string, id: string, dataSource = tenants.get(tenant)!) =>
      dataSource.transaction(async (manager) => {
        await manager.insert(Order, { id });
        const transaction = tenantTransaction(manager, tenant);
        await app.jobs.createJob({ gid, transaction }).addStep(Ping).start();
      });
    const taken = {
      name: 'DuplicateGidError',
      existing: { otherTenant: true },
      message: expect.stringContaining('for another tenant'),
    };

    it('shares gids with the others: one that another tenant has is refused', async () => {
      const gid = 'invoice-1';
      await order('acme', gid, 'acme-1');
      await expectRanOnce(app, gid);
      await expect(order('globex', gid, 'globex-1')).rejects.toMatchObject(taken);
      expect(await tenants.get('globex')!.getRepository(Order).countBy({ id: 'globex-1' })).toBe(0);
      const alone = app.jobs.createJob({ gid, transaction: 'none' }).addStep(Ping);
      await expect(alone.start()).rejects.toMatchObject(taken);
      // The same tenant's is the same job.
      await order('acme', gid, 'acme-2');
      expect(await tenants.get('acme')!.getRepository(Order).countBy({ id: 'acme-2' })).toBe(1);
      expect(app.recording.trace(gid)).toEqual(['ping#1']);
    });

    it('may share its database with the others, and a gid is refused all the same', async () => {
      const gid = 'invoice-2';
      await order('acme', gid, 'shared-1', app.dataSource);
      await expectRanOnce(app, gid);
      await expect(order('globex', gid, 'shared-2', app.dataSource)).rejects.toMatchObject(taken);
      expect(await app.dataSource.getRepository(Order).countBy({ id: 'shared-2' })).toBe(0);
    });

    it('is named in the idempotency keys of own gids, in every attempt and process', async () => {
      const nord = 'Müller & Söhne/Nord';
      tenants.set(nord, tenants.get('acme')!);
      const keys = new Map<string, string[]>();
      app.recording.onExecute = ({ gid, attempt }, { idempotencyKey }) => {
        keys.set(gid, [...(keys.get(gid) ?? []), idempotencyKey]);
        if (attempt === 1) throw new Error('once more');
      };
      try {
        await order('acme', 'key-1', 'key-1');
        await order(nord, 'key-2', 'key-2', app.dataSource);
        // Nobody submits this one: a process that knows nothing of it finds it.
        const runner = tenants.get(nord)!.createQueryRunner();
        await runner.startTransaction();
        const transaction = tenantTransaction(runner, nord);
        await app.jobs.createJob({ gid: 'key-3', transaction }).addStep(Ping).prepare();
        await runner.commitTransaction();
        await runner.release();
        const { gid } = await tenants.get('acme')!.transaction((manager) =>
          app.jobs
            .createJob({ transaction: tenantTransaction(manager, 'acme') })
            .addStep(Ping)
            .start(),
        );
        const expected = {
          'key-1': 'acme/key-1:0',
          'key-2': 'M%C3%BCller%20%26%20S%C3%B6hne%2FNord/key-2:0',
          'key-3': 'M%C3%BCller%20%26%20S%C3%B6hne%2FNord/key-3:0',
          [gid]: `${gid}:0`,
        };
        for (const [of, key] of Object.entries(expected)) {
          await app.ended(of);
          expect(keys.get(of)).toEqual([key, key]);
        }
      } finally {
        app.recording.onExecute = () => undefined;
        tenants.delete(nord);
      }
    });

    it('has a name that can be stored', () => {
      expect(() => tenantTransaction(app.dataSource.manager, 'half \ud83d')).toThrow(InvalidOptionError);
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

describePlacements(
  'a tenant whose database cannot be asked',
  (backend, placement) => {
    let databases: Databases;
    let place: TestDatabase;
    let tenant: DataSource;
    let app: TestApplication;
    let resolve: () => unknown;
    let closed: Promise<void> | undefined;

    beforeEach(async () => {
      databases = await Databases.create(backend, placement);
      place = await createDatabase(backend);
      tenant = await connect(place, { name: 'tenants' });
      closed = undefined;
      app = await TestApplication.start(databases, {
        selfTm: { queryPreparedAfter: 100, statementTimeout: 1000, gracePeriod: 500 },
        module: {
          dataSourceResolver: ({ dataSource }) => (dataSource === 'tenants' ? resolve() : undefined),
        },
      });
    });
    afterEach(async () => {
      vi.restoreAllMocks();
      await (closed ?? app?.close());
      if (tenant?.isInitialized) await tenant.destroy();
      await place?.drop();
      await databases?.drop();
    });

    /** Committed, and never submitted. */
    async function leavePrepared(): Promise<string> {
      const runner = tenant.createQueryRunner();
      try {
        await runner.startTransaction();
        const job = app.jobs.createJob({ transaction: tenantTransaction(runner, 'acme') }).addStep(Ping);
        await job.prepare();
        await runner.commitTransaction();
        return job.gid;
      } catch (error) {
        await runner.rollbackTransaction();
        // The first one creates the table, which its transaction does not see on TiDB: it has to be repeated.
        if (!onTidb || !(error instanceof TransactionConflictError)) throw error;
      } finally {
        await runner.release();
      }
      return leavePrepared();
    }

    async function expectDelayedJobRuns(): Promise<void> {
      const { gid } = await app.jobs.createJob({ transaction: 'none', delay: 50 }).addStep(Ping).start();
      await expectRanOnce(app, gid);
    }

    const waiting = {
      'a resolver that never settles': () => new Promise(() => undefined),
      'a BarrierDatabase that never answers': () => ({
        queryPrepared: () => new Promise(() => undefined),
        purge: () => new Promise(() => undefined),
      }),
    };
    for (const [what, never] of Object.entries(waiting)) {
      it(`keeps no other job waiting: ${what}`, async () => {
        const errors = vi.spyOn(Logger.prototype, 'error');
        let asked = 0;
        resolve = () => {
          asked += 1;
          return never();
        };
        const left: string[] = [];
        for (let jobs = 0; jobs < 10; jobs += 1) left.push(await leavePrepared());
        await waitFor(() => asked > 0);
        await expectDelayedJobRuns();
        const told = () => errors.mock.calls.flat().filter((line) => String(line).includes('stays prepared'));
        await waitFor(() => told().length > 0);
        const before = asked;
        await waitFor(() => asked > before + 2);
        expect(told()).toHaveLength(1);
        expect(told()[0]).toContain('within 1000 ms');
        await expectDelayedJobRuns();
        // As soon as it answers, their transactions are settled.
        resolve = () => tenant;
        for (const gid of left) await expectRanOnce(app, gid);
      });
    }

    it('keeps no shutdown waiting', async () => {
      let asked = 0;
      resolve = () => {
        asked += 1;
        return new Promise(() => undefined);
      };
      const gid = await leavePrepared();
      await waitFor(() => asked > 0);
      await (closed = app.close());
      // Nobody holds it: another process asks at once.
      const [row] = await databases.business.query<{ status: string; owner: string | null }>(
        `SELECT status, owner FROM stepping_jobs WHERE gid = '${gid}'`,
      );
      expect(row).toEqual({ status: 'prepared', owner: null });
    });

    it('keeps no other ended job from being deleted', async () => {
      resolve = () => tenant;
      const sweeping = await TestApplication.start(databases, {
        selfTm: { queryPreparedAfter: 100, retention: 0 },
        module: { dataSourceResolver: () => (tenant.isInitialized ? tenant : undefined) },
      });
      try {
        const started = () =>
          tenant.transaction((manager) =>
            sweeping.jobs
              .createJob({ transaction: tenantTransaction(manager, 'acme') })
              .addStep(Ping)
              .start(),
          );
        // The table is created by the first one, whose transaction has to be repeated on TiDB.
        const { gid } = await waitFor(() => started().catch(() => undefined));
        await waitFor(() => sweeping.recording.of(gid).length === 1);
        await tenant.destroy();
        const other = await sweeping.jobs.createJob({ transaction: 'none' }).addStep(Ping).start();
        await waitFor(async () => (await sweeping.admin.find(other.gid)) === null);
      } finally {
        await sweeping.close();
      }
    });
  },
  undefined,
  ['one'],
);
