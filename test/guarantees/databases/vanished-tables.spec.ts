import { expect, it } from 'vitest';
import { suiteApplication } from '../../support/suite-application.js';
import { TestApplication } from '../../support/application.js';
import { describePlacements } from '../../support/placements.js';
import { expectRanOnce, startPing } from '../../support/fates.js';
import { Order } from '../../support/order.entity.js';
import { onTidb } from '../../support/database.js';

describePlacements(
  'tables that vanish while the application is running',
  (backend, placement) => {
    let app: TestApplication;
    suiteApplication(backend, placement, (started) => ({ app } = started));

    const place = (id: string): Promise<string> =>
      app.dataSource.transaction(async (manager) => {
        await manager.insert(Order, { id });
        return startPing(app);
      });

    it('come back with synchronize(true), and with dropDatabase()', async () => {
      await app.dataSource.synchronize(true);
      await expectRanOnce(app, await place('synchronized'));
      await app.dataSource.dropDatabase();
      await app.dataSource.synchronize();
      await expectRanOnce(app, await place('dropped'));
    });

    it('come back with a job, after an error that names them at most', async () => {
      await app.dataSource.query('DROP TABLE stepping_jobs');
      const first = await place('first').catch((error: unknown) => error);
      // The recovery may have noticed it before.
      if (typeof first !== 'string') {
        const lost = { code: 'STEPPING_TABLES_MISSING', missing: ['stepping_jobs'] };
        // It may be a table of TiDB that is there, and younger than the transaction.
        expect(first).toMatchObject(onTidb ? { code: 'STEPPING_TRANSACTION_CONFLICT', cause: lost } : lost);
        expect(await app.dataSource.getRepository(Order).countBy({ id: 'first' })).toBe(0);
      }
      await expectRanOnce(app, await place('second'));
    });
  },
  undefined,
  ['one'],
);
