import type { EntityManager } from 'typeorm';
import { expect, it } from 'vitest';
import { suiteApplication } from '../../support/suite-application.js';
import { TestApplication } from '../../support/application.js';
import { describeManagers } from '../../support/placements.js';
import { expectNeverRan, expectRanOnce, startPing } from '../../support/fates.js';
import { Order } from '../../support/order.entity.js';
import { onTidb } from '../../support/database.js';

/** The ways of TypeORM to open a transaction with a callback. */
const openers: Record<
  string,
  (app: TestApplication, work: (manager: EntityManager) => Promise<unknown>) => Promise<unknown>
> = {
  'dataSource.transaction()': (app, work) => app.dataSource.transaction(work),
  'dataSource.transaction() with an isolation level': (app, work) =>
    // TiDB has no SERIALIZABLE.
    app.dataSource.transaction(onTidb ? 'READ COMMITTED' : 'SERIALIZABLE', work),
  'manager.transaction()': (app, work) => app.dataSource.manager.transaction(work),
  'repository.manager.transaction()': (app, work) =>
    app.dataSource.getRepository(Order).manager.transaction(work),
  'createEntityManager().transaction()': (app, work) =>
    app.dataSource.createEntityManager().transaction(work),
  'queryRunner.manager.transaction()': async (app, work) => {
    const runner = app.dataSource.createQueryRunner();
    try {
      await runner.manager.transaction(work);
    } finally {
      await runner.release();
    }
  },
};

describeManagers('the ambient transaction', (backend, placement) => {
  let app: TestApplication;
  suiteApplication(backend, placement, (started) => ({ app } = started));

  it.each(Object.keys(openers))('is the one of %s', async (name) => {
    const open = openers[name]!;
    let committed = '';
    await open(app, async () => (committed = await startPing(app)));
    let rolledBack = '';
    const failure = new Error('no');
    const failing = open(app, async () => {
      rolledBack = await startPing(app);
      throw failure;
    });
    await expect(failing).rejects.toBe(failure);
    await expectNeverRan(app, rolledBack);
    await expectRanOnce(app, committed);
  });

  it('is found from deep inside, through repositories, timers and parallel work', async () => {
    const gids: string[] = [];
    const repository = {
      place: async (manager: EntityManager, id: string) => {
        await manager.getRepository(Order).save({ id, note: '' });
        await new Promise((resolve) => setTimeout(resolve, 1));
        gids.push(await startPing(app));
      },
    };
    await expect(
      app.dataSource.transaction(async (manager) => {
        await Promise.all(['deep-1', 'deep-2'].map((id) => repository.place(manager, id)));
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    expect(gids).toHaveLength(2);
    expect(await app.dataSource.getRepository(Order).countBy({ id: 'deep-1' })).toBe(0);
    await expectNeverRan(app, ...gids);
  });

  it('is looked for when the job starts, not when it is created', async () => {
    let gid = '';
    const outside = app.jobs.createJob().addStep('ping');
    const failing = app.dataSource.transaction(async () => {
      ({ gid } = await outside.start());
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    await expectNeverRan(app, gid);
  });

  it('is each caller’s own when many transactions are open at once', async () => {
    const outcomes = await Promise.all(
      Array.from({ length: 6 }, async (_, index) => {
        let gid = '';
        const work = app.dataSource.transaction(async (manager) => {
          await manager.insert(Order, { id: `parallel-${index}` });
          gid = await startPing(app);
          if (index % 2) throw new Error('odd');
        });
        await work.catch(() => undefined);
        return gid;
      }),
    );
    const even = outcomes.filter((_, index) => index % 2 === 0);
    for (const gid of even) await expectRanOnce(app, gid);
    await expectNeverRan(app, ...outcomes.filter((gid) => !even.includes(gid)));
  });

  it('ends with its callback: what comes after it is outside', async () => {
    await app.dataSource.transaction(async () => undefined);
    const gid = await startPing(app);
    await expectRanOnce(app, gid);
  });
});
