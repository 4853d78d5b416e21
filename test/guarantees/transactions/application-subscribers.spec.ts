import { EventSubscriber, type EntitySubscriberInterface } from 'typeorm';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { TestApplication } from '../../support/application.js';
import { Databases, describeManagers } from '../../support/placements.js';
import { expectNeverRan, expectRanOnce, startPing } from '../../support/fates.js';
import { Order } from '../../support/order.entity.js';

/** What the application's own subscriber does at each point; throws whatever it is given. */
const throws = new Map<string, Error>();

function act(point: string): void {
  const error = throws.get(point);
  if (error) throw error;
}

@EventSubscriber()
class Saboteur implements EntitySubscriberInterface {
  beforeTransactionCommit(): void {
    act('beforeTransactionCommit');
  }
  afterTransactionCommit(): void {
    act('afterTransactionCommit');
  }
  beforeTransactionRollback(): void {
    act('beforeTransactionRollback');
  }
  afterTransactionRollback(): void {
    act('afterTransactionRollback');
  }
}

describeManagers('subscribers of the application', (backend, placement) => {
  let databases: Databases;
  let app: TestApplication;

  beforeEach(async () => {
    throws.clear();
    databases = await Databases.create(backend, placement);
    app = await TestApplication.start(databases, {
      dataSource: { subscribers: [Saboteur] },
      // Nothing but what was seen decides: no lease expires, and nobody asks a barrier by himself.
      selfTm: { queryPreparedAfter: '1h', leaseDuration: '1h' },
      dtm: { queryPreparedAfter: '1h' },
    });
  });
  afterEach(async () => {
    throws.clear();
    await app?.close();
    await databases?.drop();
  });

  async function place(id: string, fails?: Error): Promise<{ gid: string; done: Promise<unknown> }> {
    let gid = '';
    const done = app.dataSource.transaction(async (manager) => {
      await manager.insert(Order, { id });
      gid = await startPing(app);
      if (fails) throw fails;
    });
    await done.catch(() => undefined);
    return { gid, done };
  }

  it('that throw before the commit roll the job back with the transaction', async () => {
    throws.set('beforeTransactionCommit', new Error('before'));
    const { gid, done } = await place('before');
    await expect(done).rejects.toThrow('before');
    throws.clear();
    expect(await app.count(Order)).toBe(0);
    await expectNeverRan(app, gid);
  });

  it('that throw after the commit keep nothing from running', async () => {
    throws.set('afterTransactionCommit', new Error('after'));
    const { gid, done } = await place('after');
    await expect(done).rejects.toThrow('after');
    throws.clear();
    expect(await app.count(Order)).toBe(1);
    await expectRanOnce(app, gid);
  });

  it('that throw after the rollback bring nothing back', async () => {
    throws.set('afterTransactionRollback', new Error('after'));
    const { gid } = await place('rolled-back', new Error('no'));
    throws.clear();
    expect(await app.count(Order)).toBe(0);
    await expectNeverRan(app, gid);
  });

  it('are not called by the library itself', async () => {
    for (const point of ['beforeTransactionCommit', 'afterTransactionCommit'])
      throws.set(point, new Error('library'));
    const { gid } = await app.jobs.createJob({ transaction: 'none' }).addStep('ping').start();
    await expectRanOnce(app, gid);
  });
});

describeManagers('a DataSource that is destroyed and initialized again', (backend, placement) => {
  let databases: Databases;
  let app: TestApplication;

  beforeEach(async () => {
    databases = await Databases.create(backend, placement);
    app = await TestApplication.start(databases);
  });
  afterEach(async () => {
    await app?.close();
    await databases?.drop();
  });

  it('carries jobs as before', async () => {
    await expectRanOnce(app, await app.dataSource.transaction(() => startPing(app)));
    await app.dataSource.destroy();
    await app.dataSource.initialize();
    const committed = await app.dataSource.transaction(() => startPing(app));
    let rolledBack = '';
    const failing = app.dataSource.transaction(async () => {
      rolledBack = await startPing(app);
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    await expectRanOnce(app, committed);
    await expectNeverRan(app, rolledBack);
  });
});
