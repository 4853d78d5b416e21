import { randomUUID } from 'node:crypto';
import { DataSource } from 'typeorm';
import { expect, it } from 'vitest';
import type { DatabaseLookup } from '../../../../lib/index.js';
import { Effect, Order } from '../../../support/order.entity.js';
import { faultsReached } from '../../../support/worker.js';
import { createDatabase } from '../../../support/database.js';
import { startDtmWorker } from '../../../support/dtm/dtm-worker.js';
import { logOf } from '../../../support/log-lines.js';
import { describeInterop, describeVariants, Scene } from '../../../support/dtm/scene.js';

describeInterop('a process that is killed', (scene) => {
  async function crash(point: string): Promise<string> {
    const gid = randomUUID();
    const victim = await startDtmWorker(scene(), { faults: [{ point }] });
    victim.send({ gid });
    expect(await victim.exited).toEqual({ code: null, signal: 'SIGKILL' });
    expect(victim.messages.map(({ type }) => type)).not.toContain('error');
    return gid;
  }

  it('#2 has committed: another one answers for it, and runs its steps', async () => {
    const gid = await crash('job:before-submit');
    const { app, toDtm, toApp } = scene();
    await scene().reaches(gid, 'succeed');
    expect(toDtm.of(gid).map(({ name }) => name)).toEqual(['prepare']);
    expect(toApp.answers(gid, 'query-prepared')).toEqual(['success']);
    expect(scene().ranOnce(gid)).toBe(true);
    expect(await app.hasOrder(gid)).toBe(true);
    expect(await scene().barrier(gid)).toMatchObject([{ reason: 'msg' }]);
  });

  it.each(['job:prepared', 'job:before-barrier', 'job:started'])(
    '#3 has not committed, at %s: another one answers for it, and no step runs',
    async (point) => {
      const gid = await crash(point);
      const { app, toDtm, toApp } = scene();
      await scene().reaches(gid, 'failed');
      expect(toDtm.of(gid).map(({ name }) => name)).toEqual(['prepare']);
      // The database may take a moment to see that the connection is gone.
      expect(toApp.answers(gid, 'query-prepared').at(-1)).toBe('failure');
      expect(toApp.of(gid, 'step')).toEqual([]);
      expect(await app.hasOrder(gid)).toBe(false);
      expect(await scene().barrier(gid)).toMatchObject([{ reason: 'rollback' }]);
    },
  );
});

describeVariants('a process that is killed with jobs of several tenants', (variant) => {
  it('#21 is asked for by tenant, and refuses a database that is not on its list', async ({
    onTestFinished,
  }) => {
    const tenants = ['acme', 'Müller & Söhne 株式会社', 'unlisted'] as const;
    const places = await Promise.all(tenants.map(() => createDatabase('postgres')));
    const [acme, mueller, unlisted] = await Promise.all(
      places.map((place, at) =>
        new DataSource(
          place.dataSourceOptions({
            name: at === 2 ? 'unlisted' : 'tenants',
            entities: [Order, Effect],
            synchronize: true,
          }),
        ).initialize(),
      ),
    );
    const listed = new Map<string | undefined, DataSource>([
      [tenants[0], acme!],
      [tenants[1], mueller!],
    ]);
    const lookups: DatabaseLookup[] = [];
    const scene = await Scene.open(variant, {
      module: {
        dataSourceResolver: (lookup) => {
          lookups.push(lookup);
          return lookup.dataSource === 'tenants' ? listed.get(lookup.tenant) : undefined;
        },
      },
    });
    onTestFinished(async () => {
      await scene.close();
      await Promise.all([acme!, mueller!, unlisted!].map((dataSource) => dataSource.destroy()));
      await Promise.all(places.map((place) => place.drop()));
    });

    const victim = await startDtmWorker(scene, {
      faults: tenants.map((_, at) => ({ point: 'job:before-submit', gid: gidOf(at), action: 'stall' })),
      databases: places.map((place, at) =>
        place.dataSourceOptions({ name: at === 2 ? 'unlisted' : 'tenants' }),
      ),
      tenants: Object.fromEntries(tenants.map((tenant, at) => [tenant, at])),
    });
    tenants.forEach((tenant, at) => victim.send({ gid: gidOf(at), tenant }));
    await faultsReached(victim, 3);
    await victim.kill('SIGKILL');

    for (const at of [0, 1]) {
      await scene.reaches(gidOf(at), 'succeed');
      const args = { orderId: tenants[at] };
      expect(scene.app.recording.of(gidOf(at))).toMatchObject([
        { step: 'reserve-stock', args },
        { step: 'send-email', args },
      ]);
      expect(lookups).toContainEqual({ dataSource: 'tenants', tenant: tenants[at] });
    }
    await scene.called(gidOf(2), 'query-prepared');
    expect(new Set(scene.toApp.answers(gidOf(2), 'query-prepared'))).toEqual(new Set(['error']));
    expect(lookups).toContainEqual({ dataSource: 'unlisted', tenant: 'unlisted' });
    expect(logOf(gidOf(2))[0]?.text).toContain('DataSourceNotFoundError');
    expect(await scene.status(gidOf(2))).toBe('prepared');
    expect(scene.toApp.of(gidOf(2), 'step')).toEqual([]);

    // Each barrier is in its own database.
    for (const [at, place] of places.entries()) {
      expect(await place.query('SELECT gid, reason FROM stepping_barrier')).toEqual([
        { gid: gidOf(at), reason: 'msg' },
      ]);
    }
  });

  const ids = [randomUUID(), randomUUID(), randomUUID()] as const;
  const gidOf = (at: number): string => ids[at]!;
});
