import { expect, it } from 'vitest';
import {
  JobAlreadyStartedError,
  JobNotPreparedError,
  TransactionNotActiveError,
} from '../../../lib/index.js';
import { suiteApplication } from '../../support/suite-application.js';
import { TestApplication } from '../../support/application.js';
import { Databases, describeManagers } from '../../support/placements.js';
import { expectNeverRan, expectRanOnce } from '../../support/fates.js';
import { Order } from '../../support/order.entity.js';
import { Ping } from '../../support/steps.js';

describeManagers('prepare() and submit() by hand', (backend, placement) => {
  const options = { selfTm: { leaseDuration: 1500 } } as const;
  let databases: Databases;
  let app: TestApplication;
  suiteApplication(backend, placement, (started) => ({ databases, app } = started), options);

  async function prepare(end: 'commit' | 'rollback') {
    const runner = app.dataSource.createQueryRunner();
    await runner.startTransaction();
    const job = app.jobs.createJob({ transaction: runner }).addStep(Ping);
    await runner.manager.insert(Order, { id: job.gid });
    await job.prepare();
    if (end === 'commit') await runner.commitTransaction();
    else await runner.rollbackTransaction();
    await runner.release();
    return job;
  }

  it('run the job after the submit', async () => {
    const job = await prepare('commit');
    await job.submit();
    await expectRanOnce(app, job.gid);
  });

  it('run nothing after a rollback', async () => {
    const job = await prepare('rollback');
    await expectNeverRan(app, job.gid);
  });

  it('find prepare() in the transaction around it', async () => {
    const job = app.jobs.createJob().addStep(Ping);
    await app.dataSource.transaction(() => job.prepare());
    await job.submit();
    await expectRanOnce(app, job.gid);
  });

  it.each(['commit', 'rollback'] as const)(
    'are settled by another process when this one ends between them (%s)',
    async (end) => {
      const { gid } = await prepare(end);
      const before = app.recording.of(gid).length;
      await app.close();
      app = await TestApplication.start(databases, options);
      if (end === 'rollback') return expectNeverRan(app, gid);
      expect((await app.ended(gid)).status).toBe('succeeded');
      expect(before + app.recording.of(gid).length).toBe(1);
    },
  );

  it('are told apart from a start, and used in their order', async () => {
    const job = app.jobs.createJob().addStep(Ping);
    await expect(job.submit()).rejects.toBeInstanceOf(JobNotPreparedError);
    await app.dataSource.transaction(() => job.prepare());
    await expect(job.prepare()).rejects.toBeInstanceOf(JobAlreadyStartedError);
    await expect(job.start()).rejects.toBeInstanceOf(JobAlreadyStartedError);
    expect(() => job.addStep(Ping)).toThrow(JobAlreadyStartedError);
    await job.submit();
    await expect(job.submit()).rejects.toBeInstanceOf(JobAlreadyStartedError);
    await expectRanOnce(app, job.gid);
  });

  it('need a transaction', async () => {
    await expect(app.jobs.createJob().addStep(Ping).prepare()).rejects.toBeInstanceOf(
      TransactionNotActiveError,
    );
  });
});
