import { expect, it } from 'vitest';
import { StandaloneJobInTransactionError } from '../../../lib/index.js';
import { suiteApplication } from '../../support/suite-application.js';
import { TestApplication } from '../../support/application.js';
import { Databases, describeManagers } from '../../support/placements.js';
import { expectNeverRan, expectRanOnce, startPing } from '../../support/fates.js';
import { Order } from '../../support/order.entity.js';
import { Ping } from '../../support/steps.js';

describeManagers(
  'a job of its own',
  (backend, placement) => {
    const sharesConnection = backend === 'sqlite' && placement === 'one';
    let databases: Databases;
    let app: TestApplication;
    suiteApplication(backend, placement, (started) => ({ databases, app } = started));

    const startAlone = async () =>
      (await app.jobs.createJob({ transaction: 'none' }).addStep(Ping).start()).gid;

    it('is stored when start() resolves outside any transaction', async () => {
      const { gid } = await app.jobs.createJob({ delay: '1h' }).addStep(Ping).start();
      if (databases.dtm) {
        expect((await databases.dtm.query(gid)).transaction).toMatchObject({ status: 'submitted' });
        return;
      }
      const placeholder = backend === 'postgres' ? '$1' : '?';
      const rows = await databases.store.query(
        `SELECT status FROM stepping_jobs WHERE gid = ${placeholder}`,
        [gid],
      );
      expect(rows).toEqual([{ status: 'submitted' }]);
    });

    it('runs once, with and without saying so', async () => {
      await expectRanOnce(app, await startPing(app));
      await expectRanOnce(app, await startAlone());
    });

    it('has its own fate inside a transaction', async ({ skip }) => {
      if (sharesConnection) skip('the jobs are on the only connection of the transaction');
      let alone = '';
      let within = '';
      const failing = app.dataSource.transaction(async (manager) => {
        await manager.insert(Order, { id: 'standalone' });
        within = await startPing(app);
        alone = await startAlone();
        // Before the transaction around it has ended.
        await expectRanOnce(app, alone);
        throw new Error('no');
      });
      await expect(failing).rejects.toThrow('no');
      await expectNeverRan(app, within);
      expect(app.recording.trace(alone)).toEqual(['ping#1']);
    });

    it('is refused inside a transaction of the only connection', async ({ skip }) => {
      if (!sharesConnection) skip('only where the jobs are on the only connection of the transaction');
      let refused = '';
      await app.dataSource.transaction(async (manager) => {
        await manager.insert(Order, { id: 'refused' });
        const job = app.jobs.createJob({ transaction: 'none' }).addStep(Ping);
        refused = job.gid;
        await expect(job.start()).rejects.toBeInstanceOf(StandaloneJobInTransactionError);
      });
      expect(await app.dataSource.getRepository(Order).countBy({ id: 'refused' })).toBe(1);
      expect(await app.admin.find(refused)).toBeNull();
      await expectNeverRan(app, refused);
    });

    it('never slips into a transaction that somebody else has open', async () => {
      let open!: () => void;
      const opened = new Promise<void>((resolve) => (open = resolve));
      let finish!: () => void;
      const finished = new Promise<void>((resolve) => (finish = resolve));
      const failing = app.dataSource.transaction(async (manager) => {
        await manager.insert(Order, { id: 'somebody' });
        open();
        await finished;
        throw new Error('no');
      });
      const rejected = expect(failing).rejects.toThrow('no');
      await opened;
      const started = startPing(app);
      finish();
      await rejected;
      await expectRanOnce(app, await started);
    });
  },
  { atDtm: ['postgres'] },
);
