import { afterEach, beforeEach, expect, it } from 'vitest';
import { TestApplication } from '../../support/application.js';
import { Databases, describeManagers } from '../../support/placements.js';
import { expectNeverRan, expectRanOnce, fence, startPing } from '../../support/fates.js';
import { Order } from '../../support/order.entity.js';
import { CommitTrap, type CommitFate } from '../../support/commit-trap.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { waitFor } from '../../support/wait-for.js';

describeManagers(
  'a COMMIT whose answer never comes',
  (backend, placement) => {
    let databases: Databases;
    let proxy: TcpProxy;
    let trap: CommitTrap;
    let app: TestApplication;

    beforeEach(async () => {
      databases = await Databases.create(backend, placement);
      proxy = await TcpProxy.start(databases.business.url);
      trap = new CommitTrap(proxy);
    });
    afterEach(async () => {
      trap?.release();
      await app?.close();
      await proxy?.down();
      await databases?.drop();
    });

    async function open(extra: Record<string, unknown> = {}): Promise<void> {
      app = await TestApplication.start(databases, {
        dataSource: { url: proxy.through(databases.business.url), ...extra },
        selfTm: { leaseDuration: 1500, queryPreparedAfter: 300 },
      });
    }

    /** The row is asked for beside the application, whose connections are in trouble. */
    const orders = async (id: string) =>
      (await databases.business.query(`SELECT id FROM orders WHERE id = '${id}'`)).length;

    async function place(id: string, fate: CommitFate): Promise<string> {
      let gid = '';
      const failing = app.dataSource.transaction(async (manager) => {
        await manager.insert(Order, { id });
        gid = await startPing(app);
        trap.set(id, fate);
      });
      await expect(failing).rejects.toThrow();
      expect(trap.caught).toBe(1);
      return gid;
    }

    it('has committed the job when it was applied, although commitTransaction() threw', async () => {
      await open();
      const gid = await place('applied', 'applied');
      expect(await orders('applied')).toBe(1);
      await expectRanOnce(app, gid);
    });

    it('has not committed the job when it was lost on the way', async () => {
      await open();
      const gid = await place('lost', 'lost');
      expect(await orders('lost')).toBe(0);
      await expectNeverRan(app, gid);
    });

    // mysql2 closes a connection whose statement timed out, which is the second test.
    if (backend === 'postgres') {
      it('decides even when it is applied long after the caller gave up', async () => {
        await open({ extra: { query_timeout: 1000 } });
        const gid = await place('late', 'late');
        // The pool of the transaction hands the stuck connection out again, so that nothing else works on it.
        if (placement !== 'one') {
          await fence(app);
          // Whoever takes the failed call for a rollback has aborted the job by now.
          expect((await app.admin.find(gid))?.status).toBe('prepared');
        }
        expect(app.recording.of(gid)).toEqual([]);
        trap.release();
        await waitFor(async () => (await orders('late')) === 1, { message: 'the commit' });
        expect((await waitFor(() => app.ended(gid))).status).toBe('succeeded');
        expect(app.recording.of(gid)).toHaveLength(1);
      });
    }
  },
  { only: ['postgres', 'mariadb'] },
);
