import type { QueryRunner } from 'typeorm';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { TestApplication } from '../../support/application.js';
import { BusinessEffect } from '../../support/business-effect.step.js';
import { describeBackends } from '../../support/database.js';
import { expectNeverRan, expectRanOnce } from '../../support/fates.js';
import { Effect, Order } from '../../support/order.entity.js';
import { Databases } from '../../support/placements.js';
import { Ping } from '../../support/steps.js';
import { waitFor } from '../../support/wait-for.js';

/** Two applications with stores of their own, whose transactions are in one database, with one barrier table. */
describeBackends('two applications on one barrier table', (backend) => {
  let ofFirst: Databases;
  let ofSecond: Databases;
  let first: TestApplication;
  let second: TestApplication;
  let count = 0;
  /** A gid of the caller's own that both applications use. */
  let gid = '';

  beforeAll(async () => {
    ofFirst = await Databases.create(backend, 'two');
    ofSecond = await Databases.beside(ofFirst);
    const providers = [BusinessEffect];
    first = await TestApplication.start(ofFirst, { providers });
    second = await TestApplication.start(ofSecond, { providers });
  });
  beforeEach(() => void (gid = `order-${(count += 1)}`));
  afterEach(async () => {
    for (const { recording } of [first, second]) recording.onExecute = () => undefined;
  });
  afterAll(async () => {
    await second?.close();
    await first?.close();
    await ofSecond?.store.drop();
    await ofFirst?.drop();
  });

  /** A job that nobody submits, as if its process had died. */
  const prepared = async (app: TestApplication, end: 'commitTransaction' | 'rollbackTransaction') => {
    const runner: QueryRunner = app.dataSource.createQueryRunner();
    await runner.startTransaction();
    await app.jobs.createJob({ transaction: runner, gid }).addStep(Ping).prepare();
    await runner[end]();
    await runner.release();
  };
  const order = (app: TestApplication, id: string) =>
    app.dataSource.transaction(async (manager) => {
      await manager.insert(Order, { id });
      await app.jobs.createJob({ gid }).addStep(Ping).start();
    });
  const effect = async (app: TestApplication) => {
    await app.jobs.createJob({ gid, transaction: 'none' }).addStep(BusinessEffect, {}).start();
    expect((await app.ended(gid)).status).toBe('succeeded');
  };
  const effects = () => first.dataSource.getRepository(Effect).countBy({ key: `${gid}:0` });
  const sweep = async () => {
    const sweeping = await TestApplication.start(ofFirst, {
      providers: [BusinessEffect],
      selfTm: { retention: 0 },
    });
    await waitFor(async () => (await first.admin.find(gid)) === null, {
      message: 'the end of the first job',
    });
    await sweeping.close();
  };

  it('can start jobs of one gid', async () => {
    await order(first, `${gid}-first`);
    await order(second, `${gid}-second`);
    await expectRanOnce(first, gid);
    await expectRanOnce(second, gid);
  });

  it('keeps the row of the other one, whose job has not been submitted, when retention deletes a job', async () => {
    const slow = await TestApplication.start(ofSecond, { selfTm: { queryPreparedAfter: '1h' } });
    await prepared(slow, 'commitTransaction');
    await slow.close();
    await first.jobs.createJob({ gid, transaction: 'none' }).addStep(Ping).start();
    await first.ended(gid);
    await sweep();
    expect((await second.admin.find(gid))?.status).toBe('prepared');
    await ofSecond.store.query(`UPDATE stepping_jobs SET due_at = created_at WHERE gid = '${gid}'`);
    await expectRanOnce(second, gid);
  });

  it('does not take the commit of the other one for its own', async () => {
    await order(second, gid);
    await expectRanOnce(second, gid);
    await prepared(first, 'rollbackTransaction');
    await waitFor(async () => (await first.admin.find(gid))?.status === 'rolledBack');
    await expectNeverRan(first, gid);
  });

  it('does not take the transactional step of the other one for its own', async () => {
    await effect(first);
    await effect(second);
    expect(await effects()).toBe(2);
  });

  it('keeps the done-mark of the other one, whose step is not known to be done', async () => {
    // The step is committed, and then nothing of it is stored.
    const failed: string[] = [];
    second.recording.onExecute = () => void failed.push(gid);
    await second.jobs.createJob({ gid, transaction: 'none' }).addStep(BusinessEffect, {}).start();
    await second.ended(gid);
    await effect(first);
    await sweep();
    // As after a restore of the second store: the job has not run.
    await ofSecond.store.query(
      `UPDATE stepping_jobs SET status = 'submitted', ended_at = NULL, owner = NULL, due_at = created_at WHERE gid = '${gid}'`,
    );
    await waitFor(async () => (await second.admin.find(gid))?.status === 'succeeded');
    expect(failed).toHaveLength(1);
    expect(await effects()).toBe(2);
  });

  it('runs the transactional step of a new job, whatever an older one of its gid has left', async () => {
    await effect(first);
    await ofFirst.store.query(`DELETE FROM stepping_jobs WHERE gid = '${gid}'`);
    await effect(first);
    expect(await effects()).toBe(2);
  });
});
