import { afterAll, beforeAll, expect, it } from 'vitest';
import { TestApplication } from '../../support/application.js';
import { Databases, describeManagers } from '../../support/placements.js';
import { expectNeverRan, expectRanOnce, startPing } from '../../support/fates.js';
import { Ping } from '../../support/steps.js';

describeManagers(
  'requireTransaction',
  (backend, placement) => {
    let databases: Databases;
    beforeAll(async () => {
      databases = await Databases.create(backend, placement);
    });
    afterAll(async () => databases?.drop());

    it('true refuses a job outside any transaction, unless it says so', async () => {
      const app = await TestApplication.start(databases, { module: { requireTransaction: true } });
      try {
        const job = app.jobs.createJob().addStep(Ping);
        await expect(job.start()).rejects.toMatchObject({
          code: 'STEPPING_TRANSACTION_REQUIRED',
          gid: job.gid,
        });
        await expectNeverRan(app, job.gid);
        await expectRanOnce(app, await app.dataSource.transaction(() => startPing(app)));
        const { gid } = await app.jobs.createJob({ transaction: 'none' }).addStep(Ping).start();
        await expectRanOnce(app, gid);
      } finally {
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
