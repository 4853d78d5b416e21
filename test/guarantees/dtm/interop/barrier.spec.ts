import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { dtmJob } from '../../../../lib/tm/dtm/index.js';
import type { Backend } from '../../../support/database.js';
import { dtmBarrierTable } from '../../../support/dtm/barrier-table.js';
import { describeInterop, everywhereOn } from '../../../support/dtm/scene.js';
import { WriteEffect } from '../../../support/steps.js';

/** As the clients of DTM in other languages write it. */
const INSERT: Readonly<Record<Backend, (values: string) => string>> = {
  postgres: (values) =>
    `insert into stepping_barrier(trans_type, gid, branch_id, op, barrier_id, reason) values(${values}) ` +
    'on conflict ON CONSTRAINT uniq_barrier do nothing',
  mariadb: (values) =>
    `insert ignore into stepping_barrier(trans_type, gid, branch_id, op, barrier_id, reason) values(${values})`,
  sqlite: (values) =>
    `insert or ignore into stepping_barrier(trans_type, gid, branch_id, op, barrier_id, reason) values(${values})`,
};
/** Time enough for the row of the other client. */
const LATER = dtmJob({ queryPreparedAfter: '3s', retryInterval: '3s' });

describeInterop(
  'a barrier table that is shared with clients in other languages',
  (scene, { backend }) => {
    const insert = (gid: string, reason: 'msg' | 'rollback') =>
      scene().database.query(INSERT[backend](`'msg', '${gid}', '00', 'msg', '01', '${reason}'`));
    const read = (gid: string) =>
      scene().database.query(
        `select reason from stepping_barrier where gid = '${gid}' and branch_id = '00' and op = 'msg' ` +
          `and barrier_id = '01'`,
      );

    // On SQLite the other client waits for a transaction of the application by keeping this process waiting.
    const test = backend === 'sqlite' ? it.sequential : it;

    test('#24 answers for a commit that another client has written down', async () => {
      // Its own row went with the rollback: nothing but the other one can be the reason.
      const { gid } = await scene().app.prepared('rollback', { manager: LATER });
      await insert(gid, 'msg');
      await scene().reaches(gid, 'succeed');
      expect(scene().toApp.answers(gid, 'query-prepared')).toEqual(['success']);
      expect(scene().ranOnce(gid)).toBe(true);
    });

    test('#24 answers for a rollback that another client has written down', async () => {
      const { gid } = await scene().app.prepared('rollback', { manager: LATER });
      await insert(gid, 'rollback');
      await scene().reaches(gid, 'failed');
      expect(scene().toApp.answers(gid, 'query-prepared')).toEqual(['failure']);
    });

    test('#24 keeps its own rows against the question of another client, which reads them', async () => {
      const { app } = scene();
      const job = app.job();
      await app.order(job);
      await insert(job.gid, 'rollback');
      expect(await read(job.gid)).toEqual([{ reason: 'msg' }]);

      const { gid } = await app.prepared('rollback');
      await scene().reaches(gid, 'failed');
      await insert(gid, 'rollback');
      expect(await read(gid)).toEqual([{ reason: 'rollback' }]);
    });

    test('#24 writes its rows under the gid by which DTM asks, so that another client finds them', async () => {
      const { app } = scene();
      const committed = `Order-${randomUUID()}`;
      await app.order(app.job({ gid: committed }));
      const asked = `(!order-${committed.slice('Order-'.length)})`;
      await insert(asked, 'rollback');
      expect(await read(asked)).toEqual([{ reason: 'msg' }]);
      await scene().reaches(asked, 'succeed');

      const other = `Order-${randomUUID()}`;
      await app.prepared('rollback', { gid: other, manager: LATER });
      const askedNext = `(!order-${other.slice('Order-'.length)})`;
      await insert(askedNext, 'msg');
      await scene().reaches(askedNext, 'succeed');
      expect(scene().ranOnce(other)).toBe(true);
    });

    test('#24 marks transactional steps under the gid that DTM uses', async () => {
      const { app } = scene();
      const gid = `Mark-${randomUUID()}`;
      await app.jobs.createJob({ gid, transaction: 'none' }).addStep(WriteEffect, { orderId: '1' }).start();
      await app.ended(gid);
      expect(await scene().barrier(`(!mark-${gid.slice('Mark-'.length)})`)).toMatchObject([
        { branch_id: '01', op: 'action', reason: 'action' },
      ]);
    });

    test('#24 has the unique key under the name that their SQL uses', async ({ skip }) => {
      if (backend !== 'postgres') skip('only the SQL for PostgreSQL names it');
      const found = await scene().database.query(
        `SELECT conname, pg_get_constraintdef(oid) AS definition FROM pg_constraint
         WHERE conrelid = 'stepping_barrier'::regclass AND contype = 'u'`,
      );
      expect(found).toEqual([
        { conname: 'uniq_barrier', definition: 'UNIQUE (gid, branch_id, op, barrier_id)' },
      ]);
    });
  },
  { variants: everywhereOn('mariadb', 'sqlite') },
);

describeInterop(
  "a barrier table that DTM's script has made",
  (scene) => {
    it('#24 tells gids apart that differ in case alone', async () => {
      const { app } = scene();
      const start = (gid: string) => app.dataSource.transaction(() => app.job({ gid }).start());
      await start('Ph-1');
      await scene().reaches('(!ph-1)', 'succeed');
      // Its process died before the barrier row was written.
      const runner = await app.begin();
      await app.job({ gid: 'PH-1', transaction: runner }).prepare();
      await runner.rollbackTransaction();
      await runner.release();
      await scene().reaches('(!p!h-1)', 'failed');
      expect(app.recording.of('PH-1')).toEqual([]);
      await start('ph-1');
      await scene().reaches('(ph-1)', 'succeed');
      for (const gid of ['Ph-1', 'ph-1']) expect(scene().ranOnce(gid)).toBe(true);
      const dated = await scene().database.query('SELECT gid FROM barrier WHERE create_time IS NOT NULL');
      expect(dated).toHaveLength(3);
    });
  },
  {
    variants: (['mariadb', 'postgres'] as const).map((backend) => ({
      protocol: 'http',
      store: 'boltdb',
      backend,
    })),
    module: { tables: { prefix: '' } },
    databaseUrl: async (database) => {
      for (const sql of dtmBarrierTable(database.backend)) await database.query(sql);
      return database.url;
    },
  },
);
