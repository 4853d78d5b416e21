import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { CommitRefusedError, DuplicateGidError, TransactionEndedError } from '../../../lib/index.js';
import { suiteApplication } from '../../support/suite-application.js';
import { TestApplication } from '../../support/application.js';
import { describeManagers } from '../../support/placements.js';
import { expectNeverRan, expectRanOnce } from '../../support/fates.js';
import { Order } from '../../support/order.entity.js';
import { Ping, SendEmail } from '../../support/steps.js';

const HOOK = Symbol.for('nestjs-stepping.fault-point');

/** Holds every start back before its first write, long enough for a COMMIT or ROLLBACK to overtake it. */
function slowStarts(): void {
  const hook = async (point: string) => {
    if (point !== 'job:before-prepare') return;
    for (let turns = 0; turns < 20; turns += 1) await turn();
  };
  Object.assign(globalThis, { [HOOK]: hook });
}

describeManagers(
  'a start that nobody awaits',
  (backend, placement) => {
    let app: TestApplication;
    suiteApplication(backend, placement, (started) => ({ app } = started));
    afterEach(() => {
      Reflect.deleteProperty(globalThis, HOOK);
    });

    const orders = (id: string) => app.dataSource.getRepository(Order).countBy({ id });
    const failing = async () => {
      throw new Error('no');
    };

    it.each([
      ['as fast as it can', 50],
      ['slowly', 5],
    ])('never survives the ROLLBACK that overtakes it, %s, %i times', async (how, rounds) => {
      if (how === 'slowly') slowStarts();
      const gids: string[] = [];
      for (let round = 0; round < rounds; round += 1) {
        const rolledBack = app.dataSource.transaction(async () => {
          const job = app.jobs.createJob().addStep(Ping);
          gids.push(job.gid);
          await Promise.all([job.start(), failing()]);
        });
        await expect(rolledBack).rejects.toThrow('no');
      }
      await expectNeverRan(app, ...gids);
    });

    it('is part of the commit that overtakes it', async () => {
      slowStarts();
      const gids: string[] = [];
      let started: Promise<unknown> | undefined;
      await app.dataSource.transaction(async (manager) => {
        await manager.insert(Order, { id: 'forgotten' });
        const job = app.jobs.createJob().addStep(Ping);
        gids.push(job.gid);
        started = job.start();
      });
      await expect(started).resolves.toEqual({ gid: gids[0], created: true });
      await expectRanOnce(app, gids[0]!);
    });

    it('belongs to the savepoint in which it was started', async () => {
      slowStarts();
      const gids: string[] = [];
      await app.dataSource.transaction(async (manager) => {
        const nested = manager.transaction(async () => {
          const job = app.jobs.createJob().addStep(Ping);
          gids.push(job.gid);
          await Promise.all([job.start(), failing()]);
        });
        await expect(nested).rejects.toThrow('no');
      });
      await expectNeverRan(app, ...gids);
    });

    it('refuses the commit when it fails meanwhile', async () => {
      const taken = await app.jobs.createJob({ gid: 'taken' }).addStep(Ping).start();
      await app.ended(taken.gid);
      slowStarts();
      let started: Promise<unknown> | undefined;
      const refused = app.dataSource.transaction(async (manager) => {
        await manager.insert(Order, { id: 'refused' });
        started = app.jobs.createJob({ gid: 'taken' }).addStep(SendEmail, { orderId: 'refused' }).start();
        started.catch(() => undefined);
      });
      const error = await refused.then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(CommitRefusedError);
      expect(error).toMatchObject({ gids: ['taken'], cause: expect.any(DuplicateGidError) });
      await expect(started).rejects.toBeInstanceOf(DuplicateGidError);
      expect(await orders('refused')).toBe(0);
      expect(app.recording.trace('taken')).toEqual(['ping#1']);
    });

    it('leaves the commit alone when it failed, and was dealt with, before', async () => {
      await app.jobs.createJob({ gid: 'taken-too' }).addStep(Ping).start();
      await app.ended('taken-too');
      await app.dataSource.transaction(async (manager) => {
        await manager.insert(Order, { id: 'dealt-with' });
        const job = app.jobs.createJob({ gid: 'taken-too' }).addStep(SendEmail, { orderId: 'x' });
        await expect(job.start()).rejects.toBeInstanceOf(DuplicateGidError);
      });
      expect(await orders('dealt-with')).toBe(1);
    });

    it('is refused when it comes while the transaction is ending', async () => {
      slowStarts();
      const runner = app.dataSource.createQueryRunner();
      await runner.startTransaction();
      const first = app.jobs.createJob({ transaction: runner }).addStep(Ping);
      const second = app.jobs.createJob({ transaction: runner }).addStep(Ping);
      const started = first.start();
      const committed = runner.commitTransaction();
      await expect(second.start()).rejects.toBeInstanceOf(TransactionEndedError);
      await Promise.all([started, committed]);
      await runner.release();
      await expectRanOnce(app, first.gid);
      await expectNeverRan(app, second.gid);
    });
  },
  { atDtm: ['postgres'] },
);
