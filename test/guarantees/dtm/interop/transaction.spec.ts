import { expect, it } from 'vitest';
import { DuplicateBarrierError, TransactionConflictError } from '../../../../lib/index.js';
import { dtmJob } from '../../../../lib/tm/dtm/index.js';
import { Order } from '../../../support/order.entity.js';
import { waitFor } from '../../../support/wait-for.js';
import { atFaultPoint } from '../../../support/fault-points.js';
import { describeInterop, everywhereOn } from '../../../support/dtm/scene.js';

describeInterop('a job in a transaction', (scene) => {
  it('#1 calls its steps once each, in order, after the commit', async () => {
    const { app, server, toApp } = scene();
    const job = app.job();
    await app.order(job);
    await scene().reaches(job.gid, 'succeed');
    expect(scene().ranOnce(job.gid)).toBe(true);
    expect(toApp.of(job.gid)).toMatchObject([
      { name: 'step', branchId: '01', answer: 'success' },
      { name: 'step', branchId: '02', answer: 'success' },
    ]);
    // DTM writes the steps of SQL stores down a moment after the job.
    await waitFor(async () => {
      const { branches } = await server.query(job.gid);
      return (
        branches.map(({ branch_id: id, op, status }) => [id, op, status].join()).join(' ') ===
        '01,action,succeed 02,action,succeed'
      );
    });
    expect(await scene().barrier(job.gid)).toEqual([
      { trans_type: 'msg', gid: job.gid, branch_id: '00', op: 'msg', barrier_id: '01', reason: 'msg' },
    ]);
  });

  it('#4 is aborted at once when the business code throws', async () => {
    const { app, toApp, toDtm } = scene();
    // Far too late to be what settles it.
    const job = app.job({ manager: dtmJob({ queryPreparedAfter: '10m' }) });
    await expect(app.order(job, new Error('no stock'))).rejects.toThrow('no stock');
    await scene().reaches(job.gid, 'failed');
    expect(toDtm.of(job.gid).map(({ name }) => name)).toEqual(['prepare', 'abort']);
    expect(toApp.of(job.gid)).toEqual([]);
    expect(await scene().barrier(job.gid)).toEqual([]);
    expect(await app.hasOrder(job.gid)).toBe(false);
  });

  it('#3 cannot commit after DTM has asked for it in vain', async () => {
    const { app, toApp } = scene();
    const job = app.job();
    // The transaction comes to its barrier when DTM has given the job up.
    atFaultPoint('job:before-barrier', job.gid, () => scene().reaches(job.gid, 'failed'));
    await expect(app.order(job)).rejects.toBeInstanceOf(DuplicateBarrierError);
    expect(await app.hasOrder(job.gid)).toBe(false);
    expect(await scene().barrier(job.gid)).toMatchObject([{ reason: 'rollback' }]);
    expect(toApp.answers(job.gid, 'query-prepared')).toEqual(['failure']);
    expect(toApp.of(job.gid, 'step')).toEqual([]);
    expect(await scene().status(job.gid)).toBe('failed');
  });

  it.each(['before', 'after'] as const)(
    '#7 is refused at REPEATABLE READ by the answer given %s its snapshot',
    async (moment) => {
      const { app, toApp, toDtm } = scene();
      const runner = await app.begin('REPEATABLE READ');
      const job = app.job({ transaction: runner });
      // The snapshot is taken by the first statement.
      if (moment === 'after') await runner.manager.insert(Order, { id: job.gid });
      atFaultPoint('job:before-barrier', job.gid, () => scene().reaches(job.gid, 'failed'));
      const error = moment === 'after' ? TransactionConflictError : DuplicateBarrierError;
      await expect(job.start()).rejects.toBeInstanceOf(error);
      // PostgreSQL answers COMMIT of a transaction that it has given up with ROLLBACK.
      await runner.commitTransaction().catch(() => runner.rollbackTransaction());
      await runner.release();
      expect(await app.hasOrder(job.gid)).toBe(false);
      expect(toDtm.of(job.gid, 'submit')).toEqual([]);
      expect(toApp.of(job.gid, 'step')).toEqual([]);
      expect(await scene().status(job.gid)).toBe('failed');
    },
  );
});

describeInterop(
  'a transaction that is still open when DTM asks',
  (scene) => {
    // On SQLite all transactions share the one connection: one test at a time.
    it.sequential.each(['commit', 'rollback'] as const)(
      '#5 is neither committed nor rolled back for it, until its %s',
      async (end) => {
        const { app, toApp } = scene();
        const settings = dtmJob({ queryPreparedAfter: '1s', retryInterval: '1s', requestTimeout: '4s' });
        const runner = await app.begin();
        const job = app.job({ transaction: runner, manager: settings });
        await job.prepare();
        await scene().called(job.gid, 'query-prepared', 2);
        // The first question, too: an answer that waits for the transaction would not be there yet.
        expect(toApp.answers(job.gid, 'query-prepared').slice(0, 2)).toEqual(['ongoing', 'ongoing']);
        // DTM doubles it when an answer does not come within its time-out.
        expect(await scene().interval(job.gid)).toBe(1);
        expect(await scene().status(job.gid)).toBe('prepared');

        await (end === 'commit' ? runner.commitTransaction() : runner.rollbackTransaction());
        await runner.release();
        await scene().reaches(job.gid, end === 'commit' ? 'succeed' : 'failed');
        expect(toApp.answers(job.gid, 'query-prepared').at(-1)).toBe(
          end === 'commit' ? 'success' : 'failure',
        );
        if (end === 'commit') expect(scene().ranOnce(job.gid)).toBe(true);
        else expect(toApp.of(job.gid, 'step')).toEqual([]);
      },
    );
  },
  { variants: everywhereOn('mariadb', 'sqlite') },
);
