import { expect, it } from 'vitest';
import { suiteApplication } from '../../support/suite-application.js';
import { TestApplication } from '../../support/application.js';
import { describeManagers } from '../../support/placements.js';
import { expectNeverRan, expectRanOnce } from '../../support/fates.js';
import { SendEmail } from '../../support/steps.js';

/** Between the first row of a hundred jobs and their COMMIT, on a busy machine. */
const SEVERAL_MS = 5000;

describeManagers(
  'several jobs in one transaction',
  (backend, placement) => {
    let app: TestApplication;
    suiteApplication(backend, placement, (started) => ({ app } = started), {
      selfTm: { queryPreparedAfter: SEVERAL_MS },
    });

    const start = async (index: number) =>
      (
        await app.jobs
          .createJob()
          .addStep(SendEmail, { orderId: `order-${index}` })
          .start()
      ).gid;

    it('send one statement at a time (pg warns of more, once per process) over the connection of the transaction', async () => {
      const warnings: string[] = [];
      const note = (warning: Error) => void warnings.push(warning.message);
      process.on('warning', note);
      try {
        await app.dataSource.transaction(() => Promise.all([start(1), start(2), start(3)]));
        // Warnings are emitted in a later tick.
        await new Promise((resolve) => setImmediate(resolve));
      } finally {
        process.off('warning', note);
      }
      expect(warnings).toEqual([]);
    });

    it('all run, each with its own arguments, when a hundred are started at once', async () => {
      const gids = await app.dataSource.transaction(() =>
        Promise.all(Array.from({ length: 100 }, (_, index) => start(index))),
      );
      expect(new Set(gids).size).toBe(100);
      for (const [index, gid] of gids.entries()) {
        await expectRanOnce(app, gid, ['send-email']);
        expect(app.recording.of(gid)[0]!.args).toEqual({ orderId: `order-${index}` });
      }
    });

    it('all vanish when it rolls back', async () => {
      let gids: string[] = [];
      const failing = app.dataSource.transaction(async () => {
        gids = await Promise.all(Array.from({ length: 20 }, (_, index) => start(index)));
        throw new Error('no');
      });
      await expect(failing).rejects.toThrow('no');
      expect(gids).toHaveLength(20);
      await expectNeverRan(app, ...gids);
    });

    it('run in whichever of several transactions they were started', async () => {
      let lost = '';
      const failing = app.dataSource.transaction(async () => {
        lost = await start(1);
        throw new Error('no');
      });
      const [kept] = await Promise.all([
        app.dataSource.transaction(async () => [await start(2), await start(3)]),
        expect(failing).rejects.toThrow('no'),
      ]);
      for (const gid of kept) await expectRanOnce(app, gid, ['send-email']);
      await expectNeverRan(app, lost);
    });
  },
  { atDtm: ['postgres'] },
);
