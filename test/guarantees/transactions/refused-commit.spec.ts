import { afterAll, beforeAll, expect, it } from 'vitest';
import { TransactionConflictError } from '../../../lib/index.js';
import { TestApplication } from '../../support/application.js';
import { Databases, describeManagers } from '../../support/placements.js';
import { expectNeverRan, expectRanOnce, startPing } from '../../support/fates.js';
import { Order } from '../../support/order.entity.js';
import { Ping } from '../../support/steps.js';

describeManagers(
  'a COMMIT that the server refuses',
  (backend, placement) => {
    let databases: Databases;
    let app: TestApplication;

    beforeAll(async () => {
      databases = await Databases.create(backend, placement);
      await databases.business.query('CREATE TABLE parents (id int PRIMARY KEY)');
      await databases.business.query(
        'CREATE TABLE children (parent int REFERENCES parents DEFERRABLE INITIALLY DEFERRED)',
      );
      // Nobody asks a barrier or takes a lease over: what the end of the transaction says must be enough.
      app = await TestApplication.start(databases, {
        selfTm: { queryPreparedAfter: '1h', leaseDuration: '1h' },
        dtm: { queryPreparedAfter: '1h' },
      });
    });
    afterAll(async () => {
      await app?.close();
      await databases?.drop();
    });

    it('takes the job along when a deferred constraint fails', async () => {
      let gid = '';
      const failing = app.dataSource.transaction(async (manager) => {
        gid = await startPing(app);
        await manager.query('INSERT INTO children VALUES (404)');
      });
      await expect(failing).rejects.toThrow('violates foreign key constraint');
      await expectNeverRan(app, gid);
    });

    it('takes the jobs of the transaction along that it cannot serialize', async () => {
      const gids: string[] = [];
      let arrived = 0;
      let meet!: () => void;
      const met = new Promise<void>((resolve) => (meet = resolve));
      // Each reads what the other writes: only one of them may commit.
      const skewed = Array.from({ length: 2 }, (_, index) =>
        app.dataSource.transaction('SERIALIZABLE', async (manager) => {
          const count = await manager.count(Order);
          arrived += 1;
          if (arrived === 2) meet();
          await met;
          await manager.insert(Order, { id: `skewed-${index}`, note: String(count) });
          gids[index] = await startPing(app);
        }),
      );
      const results = await Promise.allSettled(skewed);
      expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      const winner = results.findIndex(({ status }) => status === 'fulfilled');
      await expectRanOnce(app, gids[winner]!);
      const loser = gids[1 - winner];
      if (loser) await expectNeverRan(app, loser);
    });

    it('runs nothing in a read-only transaction, which cannot keep a job', async () => {
      const job = app.jobs.createJob().addStep(Ping);
      const failing = app.dataSource.transaction(async (manager) => {
        await manager.query('SET TRANSACTION READ ONLY');
        await job.start();
      });
      await expect(failing).rejects.toThrow('read-only transaction');
      expect(app.recording.of(job.gid)).toEqual([]);
    });

    if (placement === 'one') {
      it('maps a conflict of the job’s own row to an error that says to repeat the transaction', async () => {
        const conflicting = app.dataSource.transaction('REPEATABLE READ', async (manager) => {
          await manager.query('SELECT 1 FROM orders');
          await app.jobs.createJob({ gid: 'contended', transaction: 'none' }).addStep(Ping).start();
          await app.jobs.createJob({ gid: 'contended' }).addStep(Ping).start();
        });
        await expect(conflicting).rejects.toBeInstanceOf(TransactionConflictError);
        await expectRanOnce(app, 'contended');
      });
    }
  },
  { only: ['postgres'] },
);
