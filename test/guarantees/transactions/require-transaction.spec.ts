import { afterAll, beforeAll, expect, it } from 'vitest';
import { TestApplication } from '../../support/application.js';
import { Databases, describeManagers, isAtDtm } from '../../support/placements.js';
import { expectNeverRan, expectRanOnce, startPing } from '../../support/fates.js';
import type { DistributedJob, SteppingError } from '../../../lib/index.js';
import { Ping, ReserveStock } from '../../support/steps.js';

describeManagers(
  'requireTransaction',
  (backend, placement) => {
    let databases: Databases;
    beforeAll(async () => {
      databases = await Databases.create(backend, placement);
    });
    afterAll(async () => databases?.drop());

    it('by default a job outside any transaction is refused, unless it says so', async () => {
      const app = await TestApplication.start(databases, { module: { requireTransaction: undefined } });
      try {
        const job = app.jobs.createJob().addStep(Ping);
        const error = await refusal(job);
        expect(error).toMatchObject({ code: 'STEPPING_TRANSACTION_REQUIRED', gid: job.gid });
        expect(error.message).toContain(
          'started outside any transaction, or in one that Stepping cannot see (at ',
        );
        expect(error.message).toContain('require-transaction.spec.ts');
        for (const way of [
          'dataSource.transaction()',
          'createJob({ transaction })',
          "createJob({ transaction: 'none' })",
          "'requireTransaction' to false",
        ]) {
          expect(error.message).toContain(way);
        }
        await expectNeverRan(app, job.gid);
        await expectRanOnce(app, await app.dataSource.transaction(() => startPing(app)));
        const { gid } = await app.jobs.createJob({ transaction: 'none' }).addStep(Ping).start();
        await expectRanOnce(app, gid);
      } finally {
        await app.close();
      }
    });

    it('a step that starts such a job, or one in a transaction it does not name, is not tried again', async ({
      skip,
    }) => {
      if (isAtDtm(placement)) skip('DTM calls it again, since no attempt is the last one there');
      const app = await TestApplication.start(databases, { module: { requireTransaction: true } });
      const runner = app.dataSource.createQueryRunner();
      let open = false;
      app.recording.onExecute = async ({ step }) => {
        if (step !== 'reserve-stock') return;
        if (open) await runner.startTransaction();
        await startPing(app).finally(() => open && runner.rollbackTransaction());
      };
      try {
        for (const code of ['TransactionRequiredError', 'TransactionNotPassedError']) {
          const job = app.jobs.createJob({ transaction: 'none' }).addStep(ReserveStock, { orderId: '1' });
          await job.start();
          expect(await app.ended(job.gid)).toMatchObject({
            status: 'failed',
            error: expect.stringContaining(code),
          });
          expect(app.recording.trace(job.gid)).toEqual(['reserve-stock#1']);
          open = true;
        }
      } finally {
        await runner.release();
        await app.close();
      }
    });

    it("'warn' starts it, and says so once", async () => {
      const warnings: string[] = [];
      const app = await TestApplication.start(databases, { module: { requireTransaction: 'warn' } });
      app.context.useLogger({ log() {}, error() {}, warn: (message: string) => void warnings.push(message) });
      try {
        const gids = [await startPing(app), await startPing(app)];
        await app.dataSource.transaction(() => startPing(app));
        for (const gid of gids) await expectRanOnce(app, gid);
        const ours = warnings.filter((warning) => /outside any transaction/.test(warning));
        expect(ours).toHaveLength(1);
        expect(ours[0]).toContain(gids[0]);
        expect(ours[0]).toContain("'none'");
      } finally {
        app.context.useLogger(false);
        await app.close();
      }
    });
  },
  { selfTm: ['one'], atDtm: ['postgres'] },
);

async function refusal(job: DistributedJob): Promise<SteppingError> {
  return job.start().then(
    () => expect.fail('the job was started'),
    (error: unknown) => error as SteppingError,
  );
}
