import { EventSubscriber, type EntitySubscriberInterface, type QueryRunner } from 'typeorm';
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { TransactionNotPassedError } from '../../../lib/index.js';
import { TestApplication } from '../../support/application.js';
import { Databases, describeManagers } from '../../support/placements.js';
import { expectNeverRan, expectRanOnce, startPing } from '../../support/fates.js';
import { Effect, Order } from '../../support/order.entity.js';
import { suiteApplication } from '../../support/suite-application.js';
import { Ping, WriteEffect } from '../../support/steps.js';

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

describeManagers('a subscriber that starts jobs before the commit', (backend, placement) => {
  let app: TestApplication;
  /** What the next COMMIT does first. */
  let before: ((queryRunner: QueryRunner) => Promise<unknown>) | undefined;
  suiteApplication(backend, placement, (started) => ({ app } = started), {
    // Nothing but what was seen decides, as above.
    selfTm: { queryPreparedAfter: '1h', leaseDuration: '1h' },
    dtm: { queryPreparedAfter: '1h' },
  });
  beforeAll(() => {
    app.dataSource.subscribers.push({
      async beforeTransactionCommit({ queryRunner }) {
        const once = before;
        before = undefined;
        await once?.(queryRunner);
      },
    });
  });

  const startIn = async (transaction: QueryRunner) =>
    (await app.jobs.createJob({ transaction }).addStep(Ping).start()).gid;

  it('adds them to those of the transaction', async () => {
    const gids: string[] = [];
    before = async (queryRunner) => {
      gids.push(await startIn(queryRunner));
      gids.push(await startIn(queryRunner));
    };
    await app.dataSource.transaction(async (manager) => {
      await manager.insert(Order, { id: 'added' });
      gids.push(await startPing(app));
    });
    expect(gids).toHaveLength(3);
    for (const gid of gids) await expectRanOnce(app, gid);
  });

  it('may start the first ones', async () => {
    const gids: string[] = [];
    before = async (queryRunner) => {
      gids.push(await startIn(queryRunner));
      gids.push(await startIn(queryRunner));
    };
    await app.dataSource.transaction((manager) => manager.insert(Order, { id: 'first' }));
    expect(gids).toHaveLength(2);
    for (const gid of gids) await expectRanOnce(app, gid);
  });

  it('does not have to await them', async () => {
    let started: Promise<string> | undefined;
    before = async (queryRunner) => void (started = startIn(queryRunner));
    const gid = await app.dataSource.transaction(() => startPing(app));
    await expectRanOnce(app, gid);
    await expectRanOnce(app, await started!);
  });

  it('takes them all along when it throws', async () => {
    const gids: string[] = [];
    before = async (queryRunner) => {
      gids.push(await startIn(queryRunner));
      throw new Error('no');
    };
    const failing = app.dataSource.transaction(async () => void gids.push(await startPing(app)));
    await expect(failing).rejects.toThrow('no');
    expect(gids).toHaveLength(2);
    await expectNeverRan(app, ...gids);
  });

  it('is told that a transaction is open, where it does not pass it on', async () => {
    const job = app.jobs.createJob().addStep(Ping);
    before = () => job.start();
    const failing = app.dataSource.transaction((manager) => manager.insert(Order, { id: 'not-passed' }));
    await expect(failing).rejects.toBeInstanceOf(TransactionNotPassedError);
    await expectNeverRan(app, job.gid);
  });

  it('can do so in a transactional step', async () => {
    let gid = '';
    before = async (queryRunner) => void (gid = await startIn(queryRunner));
    const job = app.jobs.createJob({ transaction: 'none' }).addStep(WriteEffect, { orderId: 'x' });
    await job.start();
    await expectRanOnce(app, job.gid, ['write-effect']);
    expect(await app.dataSource.getRepository(Effect).countBy({ key: `${job.gid}:0` })).toBe(1);
    await expectRanOnce(app, gid);
  });

  it('fails an attempt of a transactional step when it throws, and leaves no transaction open', async () => {
    let gid = '';
    before = async (queryRunner) => {
      gid = await startIn(queryRunner);
      throw new Error('no');
    };
    const job = app.jobs.createJob({ transaction: 'none' }).addStep(WriteEffect, { orderId: 'x' });
    await job.start();
    expect((await app.ended(job.gid)).status).toBe('succeeded');
    expect(app.recording.trace(job.gid)).toEqual(['write-effect#1', 'write-effect#2']);
    expect(await app.dataSource.getRepository(Effect).countBy({ key: `${job.gid}:0` })).toBe(1);
    await expectNeverRan(app, gid);
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
