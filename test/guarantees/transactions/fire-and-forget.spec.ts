import { expect, it } from 'vitest';
import { TransactionEndedError } from '../../../lib/index.js';
import { suiteApplication } from '../../support/suite-application.js';
import { TestApplication } from '../../support/application.js';
import { describeManagers } from '../../support/placements.js';
import { expectNeverRan, expectRanOnce, startPing } from '../../support/fates.js';
import { Ping } from '../../support/steps.js';

describeManagers(
  'work that outlives its transaction',
  (backend, placement) => {
    let app: TestApplication;
    suiteApplication(backend, placement, (started) => ({ app } = started));

    /** A job that is started when `release` is called, by work begun here and awaited by nobody. */
    function lateStart(options: { transaction?: 'none' } = {}) {
      const job = app.jobs.createJob(options).addStep(Ping);
      let release!: () => void;
      const released = new Promise<void>((resolve) => (release = resolve));
      const started = released.then(() => job.start());
      started.catch(() => undefined);
      return { gid: job.gid, started, release };
    }

    it.each(['commit', 'rollback'])('cannot start a job after the %s, and is told how to', async (end) => {
      let late!: ReturnType<typeof lateStart>;
      await app.dataSource
        .transaction(async () => {
          late = lateStart();
          if (end === 'rollback') throw new Error('no');
        })
        .catch(() => undefined);
      late.release();
      await expect(late.started).rejects.toBeInstanceOf(TransactionEndedError);
      await expect(late.started).rejects.toThrow("'none'");
      await expect(late.started).rejects.toMatchObject({ gid: late.gid });
      await expectNeverRan(app, late.gid);
    });

    it('cannot start a job from a timer that was set inside', async () => {
      let end!: () => void;
      const ended = new Promise<void>((resolve) => (end = resolve));
      let started!: Promise<string>;
      await app.dataSource.transaction(async () => {
        started = new Promise((resolve, reject) => {
          setTimeout(() => void ended.then(() => startPing(app)).then(resolve, reject), 1);
        });
        started.catch(() => undefined);
      });
      end();
      await expect(started).rejects.toBeInstanceOf(TransactionEndedError);
    });

    it('cannot start a job in the transaction around the nested one that it belonged to', async () => {
      let nested!: ReturnType<typeof lateStart>;
      await app.dataSource.transaction(async (manager) => {
        await manager.transaction(async () => {
          nested = lateStart();
        });
        nested.release();
        await expect(nested.started).rejects.toBeInstanceOf(TransactionEndedError);
      });
      await expectNeverRan(app, nested.gid);
    });

    it('may start a job of its own', async () => {
      let late!: ReturnType<typeof lateStart>;
      await app.dataSource.transaction(async () => {
        late = lateStart({ transaction: 'none' });
      });
      late.release();
      await expectRanOnce(app, (await late.started).gid);
    });

    it('may open a transaction of its own', async () => {
      let release!: () => void;
      const released = new Promise<void>((resolve) => (release = resolve));
      let started!: Promise<string>;
      await app.dataSource.transaction(async () => {
        started = released.then(() => app.dataSource.transaction(() => startPing(app)));
      });
      release();
      await expectRanOnce(app, await started);
    });

    it('does not take the steps of the job along: they start jobs outside of it', async () => {
      let inner: Promise<string> | undefined;
      app.recording.onExecute = ({ step }) => {
        if (step === 'reserve-stock') inner ??= startPing(app);
        return inner;
      };
      const { gid } = await app.dataSource.transaction(() =>
        app.jobs.createJob().addStep('reserve-stock', { orderId: 'x' }).start(),
      );
      await expectRanOnce(app, gid, ['reserve-stock']);
      await expectRanOnce(app, await inner!);
      app.recording.onExecute = () => undefined;
    });
  },
  { atDtm: ['postgres'] },
);
