import { expect, it } from 'vitest';
import {
  CommitRefusedError,
  DuplicateBarrierError,
  DuplicateGidError,
  InvalidGidError,
} from '../../../lib/index.js';
import { DtmLimitError } from '../../../lib/tm/dtm/index.js';
import { suiteApplication } from '../../support/suite-application.js';
import { TestApplication } from '../../support/application.js';
import { describeManagers } from '../../support/placements.js';
import { expectNeverRan, expectRanOnce, fence } from '../../support/fates.js';
import { Order } from '../../support/order.entity.js';
import { Limited, Ping, SendEmail } from '../../support/steps.js';
import { waitFor } from '../../support/wait-for.js';

const HOOK = Symbol.for('nestjs-stepping.fault-point');

describeManagers(
  'a gid that is used again',
  (backend, placement) => {
    let app: TestApplication;
    suiteApplication(backend, placement, (started) => ({ app } = started));

    const email = (gid: string, orderId = 'x') => app.jobs.createJob({ gid }).addStep(SendEmail, { orderId });
    const inTransaction = <T>(work: () => Promise<T>) => app.dataSource.transaction(work);

    it('is the same job with the same steps, which runs once', async () => {
      expect(await inTransaction(() => email('same').start())).toEqual({ gid: 'same', created: true });
      // Until DTM has heard of the commit the second one is to be repeated: see the next test.
      if (app.atDtm) await waitFor(async () => (await app.admin.find('same'))?.status !== 'prepared');
      expect((await inTransaction(() => email('same').start())).created).toBe(false);
      await app.ended('same');
      expect(await inTransaction(() => email('same').start())).toEqual({ gid: 'same', created: false });
      expect(await email('same').start()).toEqual({ gid: 'same', created: false });
      await fence(app);
      await expectRanOnce(app, 'same', ['send-email']);
    });

    it('is the same job while the submit is still on its way', async () => {
      const slow = async (point: string) => {
        if (point === 'job:before-submit') await new Promise((resolve) => setTimeout(resolve, 60));
      };
      Object.assign(globalThis, { [HOOK]: slow });
      try {
        await inTransaction(() => email('slow').start());
        const again = inTransaction(() => email('slow').start());
        // DTM has not heard of the commit, and the barrier is taken: to be repeated.
        if (app.atDtm) await expect(again).rejects.toBeInstanceOf(DuplicateBarrierError);
        else await again;
      } finally {
        Reflect.deleteProperty(globalThis, HOOK);
      }
      await expectRanOnce(app, 'slow', ['send-email']);
    });

    it('is the same job within one transaction as well, where that keeps the jobs', async ({ skip }) => {
      if (app.atDtm) skip('it is refused there, and the commit with it; see the next test');
      await inTransaction(async () => {
        expect((await email('within').start()).created).toBe(true);
        const again = email('within').start();
        if (placement === 'one') expect((await again).created).toBe(false);
        // As long as it is prepared it may vanish with a transaction, of which nobody can tell whose it is.
        else await expect(again).rejects.toMatchObject({ existing: { status: 'prepared' } });
      });
      await expectRanOnce(app, 'within', ['send-email']);
    });

    it('refuses the commit at DTM when one transaction starts it twice', async ({ skip }) => {
      if (!app.atDtm) skip('DTM only');
      // DTM takes the second Prepare for the first, so that only the barrier finds out.
      const refused = inTransaction(async () => {
        await email('twice').start();
        await expect(email('twice').start()).rejects.toBeInstanceOf(DuplicateBarrierError);
      });
      await expect(refused).rejects.toBeInstanceOf(CommitRefusedError);
      await expectNeverRan(app, 'twice');
    });

    it('is not undone by the rollback of whoever started it again', async () => {
      await email('kept').start();
      const failing = inTransaction(async () => {
        await email('kept').start();
        throw new Error('no');
      });
      await expect(failing).rejects.toThrow('no');
      await expectRanOnce(app, 'kept', ['send-email']);
    });

    it('runs once when eight transactions start it at the same time', async () => {
      const results = await Promise.allSettled(
        Array.from({ length: 8 }, (_, index) =>
          app.dataSource.transaction(async (manager) => {
            await manager.insert(Order, { id: `eight-${index}` });
            return email('eight').start();
          }),
        ),
      );
      const refused = results.flatMap((result) =>
        result.status === 'rejected' ? [result.reason as unknown] : [],
      );
      // In another database, whoever finds the job still prepared cannot rely on it.
      if (placement === 'one') expect(refused).toEqual([]);
      for (const error of refused) {
        // At DTM it finds the barrier of the first one in its way.
        if (!(app.atDtm && error instanceof DuplicateBarrierError))
          expect(error).toMatchObject({ existing: { status: 'prepared' } });
      }
      expect(await app.dataSource.getRepository(Order).count()).toBe(8 - refused.length);
      const told = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value.created] : []));
      expect(told.filter((created) => created)).toEqual([true]);
      await expectRanOnce(app, 'eight', ['send-email']);
      await fence(app);
      expect(app.recording.of('eight')).toHaveLength(1);
    });

    it.each(['commits', 'rolls back'])(
      'waits for the transaction that started it first, which %s',
      async (end) => {
        const gid = `open-${end.replace(' ', '-')}`;
        let first!: () => void;
        const started = new Promise<void>((resolve) => (first = resolve));
        let go!: () => void;
        const proceed = new Promise<void>((resolve) => (go = resolve));
        const opened = inTransaction(async () => {
          await email(gid).start();
          first();
          await proceed;
          if (end === 'rolls back') throw new Error('no');
        });
        opened.catch(() => undefined);
        await started;
        const again = inTransaction(() => email(gid).start());
        again.catch(() => undefined);
        if (placement === 'two' && backend !== 'sqlite') {
          await expect(again).rejects.toMatchObject({
            existing: { status: 'prepared', steps: ['send-email'] },
          });
        }
        go();
        if (end === 'commits') await opened;
        else await expect(opened).rejects.toThrow('no');
        const outcome = await again.then(
          () => 'started',
          () => 'refused',
        );
        if (end === 'commits' || outcome === 'started') await expectRanOnce(app, gid, ['send-email']);
        else await expectNeverRan(app, gid);
        if (placement === 'one') expect(outcome).toBe('started');
      },
    );

    it('runs once when it is started eight times at the same time outside any transaction', async () => {
      const started = await Promise.all(Array.from({ length: 8 }, () => email('eight-alone').start()));
      expect(started.filter(({ created }) => created)).toHaveLength(1);
      await app.ended('eight-alone');
      await fence(app);
      await expectRanOnce(app, 'eight-alone', ['send-email']);
    });

    it('is an error with other steps or arguments, which says what the existing job is', async () => {
      await email('other').start();
      await app.ended('other');
      for (const job of [
        email('other', 'y'),
        email('other').addStep(Ping),
        app.jobs.createJob({ gid: 'other' }).addStep(Ping),
      ]) {
        const starting = inTransaction(() => job.start());
        await expect(starting).rejects.toBeInstanceOf(DuplicateGidError);
        await expect(starting).rejects.toMatchObject({
          existing: { status: 'succeeded', steps: ['send-email'] },
        });
        await expect(starting).rejects.toThrow(/succeeded.*send-email/);
      }
      const alone = app.jobs.createJob({ gid: 'other', transaction: 'none' }).addStep(Ping);
      await expect(alone.start()).rejects.toBeInstanceOf(DuplicateGidError);
      await expectRanOnce(app, 'other', ['send-email']);
    });

    it('is an error with other steps while a job of it is prepared that nobody has settled', async ({
      skip,
    }) => {
      if (placement === 'one') skip('the jobs of the transaction are prepared nowhere');
      const crash = (point: string) => {
        if (point === 'job:prepared') throw new Error('as if the process died here');
      };
      Object.assign(globalThis, { [HOOK]: crash });
      try {
        await expect(inTransaction(() => email('unsettled').start())).rejects.toThrow('as if');
      } finally {
        Reflect.deleteProperty(globalThis, HOOK);
      }
      const other = inTransaction(() => email('unsettled', 'other').start());
      await expect(other).rejects.toBeInstanceOf(DuplicateGidError);
      await expectNeverRan(app, 'unsettled');
    });

    it('is an error after the job has failed', async ({ skip }) => {
      if (app.atDtm) skip('no job fails at DTM: it repeats steps without end');
      app.recording.onExecute = ({ step }) => {
        if (step === 'limited') throw new Error('no luck');
      };
      const limited = () => app.jobs.createJob({ gid: 'failed' }).addStep(Limited);
      await limited().start();
      expect((await app.ended('failed')).status).toBe('failed');
      await expect(limited().start()).rejects.toMatchObject({
        existing: { status: 'failed', steps: ['limited'] },
      });
      await expect(inTransaction(() => limited().start())).rejects.toThrow('retry()');
      app.recording.onExecute = () => undefined;
    });

    it('is an error after the job was canceled', async () => {
      const delayed = () => app.jobs.createJob({ gid: 'canceled', delay: '1h' }).addStep(Ping);
      await delayed().start();
      await app.admin.cancel('canceled');
      await expect(inTransaction(() => delayed().start())).rejects.toMatchObject({
        // DTM has one status for both.
        existing: { status: app.atDtm ? 'rolledBack' : 'canceled' },
      });
    });

    it('of a job that was rolled back never runs that job', async () => {
      const failing = inTransaction(async () => {
        await email('undone').start();
        throw new Error('no');
      });
      await expect(failing).rejects.toThrow('no');
      await expectNeverRan(app, 'undone');
      const again = inTransaction(() => email('undone').start());
      if (placement === 'one') {
        // Nothing is left of the first: this is another job.
        expect((await again).created).toBe(true);
        await expectRanOnce(app, 'undone', ['send-email']);
      } else {
        await expect(again).rejects.toMatchObject({ existing: { status: 'rolledBack' } });
      }
    });

    it('is compared exactly', async () => {
      const gids = ['Case', 'case', 'CASE'];
      for (const gid of gids) await inTransaction(() => email(gid, gid).start());
      for (const gid of gids) {
        await expectRanOnce(app, gid, ['send-email']);
        expect(app.recording.of(gid)[0]!.args).toEqual({ orderId: gid });
      }
    });

    it('may have 128 characters, of letters, digits and . _ : -', async () => {
      // Two less at DTM, and one less for each upper-case letter.
      const gid = `aZ09._:-${'x'.repeat(app.atDtm ? 117 : 120)}`;
      await inTransaction(() => email(gid).start());
      await expectRanOnce(app, gid, ['send-email']);
      if (!app.atDtm) return;
      await expect(inTransaction(() => email(`${gid}x`).start())).rejects.toBeInstanceOf(DtmLimitError);
    });

    it.each(['', 'x'.repeat(129), 'a b', 'ä', 'a/b', "a'b", 'a\n', 'a\u0000', ' a', 7, null, {}])(
      'is refused when it is %j',
      (gid) => {
        expect(() => app.jobs.createJob({ gid: gid as string })).toThrow(InvalidGidError);
      },
    );
  },
  { atDtm: ['postgres'] },
);
