import { afterAll, beforeAll, expect, it } from 'vitest';
import { dtmJob } from '../../../../lib/tm/dtm/index.js';
import { TcpProxy } from '../../../support/tcp-proxy.js';
import { canRestartDtm } from '../../../support/dtm/dtm-server.js';
import { waitFor } from '../../../support/wait-for.js';
import { atFaultPoint } from '../../../support/fault-points.js';
import { logOf } from '../../../support/log-lines.js';
import { describeInterop, describeVariants, everywhereOn, Scene } from '../../../support/dtm/scene.js';

const NOT_OURS = 'the DTM server of DTM_URL is not ours to kill';

describeVariants(
  'a database that cannot be reached when DTM asks',
  (variant) => {
    let scene: Scene;
    let proxy: TcpProxy;
    beforeAll(async () => {
      scene = await Scene.open(variant, {
        databaseUrl: async (database) => {
          proxy = await TcpProxy.start(database.url);
          return proxy.through(database.url);
        },
      });
    });
    afterAll(async () => {
      await scene?.close();
      await proxy?.down();
    });

    it('#6 is no answer: the jobs are settled when it is back', async () => {
      const { app, toApp } = scene;
      const committed = await app.prepared('commit');
      const rolledBack = await app.prepared('rollback');
      await proxy.down();
      for (const { gid } of [committed, rolledBack]) {
        await scene.called(gid, 'query-prepared');
        for (const answer of toApp.answers(gid, 'query-prepared'))
          expect(['error', 'ongoing']).toContain(answer);
        expect(await scene.status(gid)).toBe('prepared');
      }
      await proxy.up();
      await scene.reaches(committed.gid, 'succeed');
      await scene.reaches(rolledBack.gid, 'failed');
      expect(scene.ranOnce(committed.gid)).toBe(true);
      expect(toApp.of(rolledBack.gid, 'step')).toEqual([]);
    });
  },
  everywhereOn('mariadb'),
);

describeInterop(
  'a database file that another process has locked when DTM asks',
  (scene) => {
    it('#6 is no answer: the job is settled when it is free', async () => {
      const { app, database, toApp } = scene();
      const { gid } = await app.prepared('commit');
      await database.query('BEGIN IMMEDIATE');
      await scene().called(gid, 'query-prepared');
      expect(toApp.answers(gid, 'query-prepared')[0]).toBe('ongoing');
      expect(await scene().status(gid)).toBe('prepared');
      await database.query('COMMIT');
      await scene().reaches(gid, 'succeed');
      expect(scene().ranOnce(gid)).toBe(true);
    });
  },
  {
    variants: everywhereOn('sqlite').filter(({ backend }) => backend === 'sqlite'),
    // The driver waits for the lock by keeping the process waiting.
    dataSource: { timeout: 300 },
  },
);

describeInterop('a DTM server that is killed between two steps', (scene, { store }) => {
  it('#8 goes on with the second one when it is back', async ({ skip }) => {
    if (!canRestartDtm(store)) skip(NOT_OURS);
    const { app, server, toApp } = scene();
    const job = app.job();
    let killed = false;
    toApp.on(job.gid, {
      before: async ({ branchId }) => {
        if (branchId !== '02' || killed) return 'go';
        killed = true;
        await server.kill();
        return 'cut';
      },
    });
    await app.order(job);
    await waitFor(() => killed && server.pid === undefined);
    expect(app.recording.trace(job.gid)).toEqual(['reserve-stock#1']);
    await server.restart();
    await scene().reaches(job.gid, 'succeed');
    const steps = app.recording.of(job.gid).map(({ step }) => step);
    expect(['reserve-stock,send-email', 'reserve-stock,reserve-stock,send-email']).toContain(steps.join());
  });
});

describeInterop('a DTM server that is killed before it has the answer of a step', (scene, { store }) => {
  it('#8 calls it again when it is back, and no other one twice', async ({ skip }) => {
    if (!canRestartDtm(store)) skip(NOT_OURS);
    const { app, server, toApp } = scene();
    const job = app.job();
    toApp.on(job.gid, {
      after: async ({ branchId }) => {
        if (branchId !== '01' || toApp.of(job.gid).length > 1) return 'go';
        await server.kill();
        return 'cut';
      },
    });
    await app.order(job);
    await waitFor(() => toApp.of(job.gid).length === 1 && server.pid === undefined);
    await server.restart();
    await scene().reaches(job.gid, 'succeed');
    expect(toApp.of(job.gid).map(({ branchId }) => branchId)).toEqual(['01', '01', '02']);
    // The process that has run it answers at once that it is done.
    expect(scene().ranOnce(job.gid)).toBe(true);
  });
});

describeInterop('a DTM server that is killed while jobs are prepared', (scene, { store }) => {
  it('#8 asks for them when it is back', async ({ skip }) => {
    if (!canRestartDtm(store)) skip(NOT_OURS);
    const { app, server } = scene();
    const manager = dtmJob({ queryPreparedAfter: '3s', retryInterval: '3s' });
    const committed = await app.prepared('commit', { manager });
    const rolledBack = await app.prepared('rollback', { manager });
    await server.kill();
    await server.restart();
    await scene().reaches(committed.gid, 'succeed');
    await scene().reaches(rolledBack.gid, 'failed');
    expect(scene().ranOnce(committed.gid)).toBe(true);
    expect(app.recording.of(rolledBack.gid)).toEqual([]);
  });
});

describeInterop(
  'a DTM server that cannot be reached after the commit',
  (scene, { store }) => {
    it('#25 is no failure of the business: it asks when it is back', async ({ skip }) => {
      if (!canRestartDtm(store)) skip(NOT_OURS);
      const { app, server, toDtm } = scene();
      const job = app.job();
      atFaultPoint('job:before-submit', job.gid, () => server.kill());
      await expect(app.order(job)).resolves.toBeUndefined();
      expect(await app.hasOrder(job.gid)).toBe(true);
      await waitFor(() => logOf(job.gid).some(({ text }) => text.includes('it asks by itself')));
      expect(toDtm.answers(job.gid, 'submit')).toEqual(['unreachable']);

      await server.restart();
      await scene().reaches(job.gid, 'succeed');
      expect(scene().toApp.answers(job.gid, 'query-prepared')).toEqual(['success']);
      expect(scene().ranOnce(job.gid)).toBe(true);
      expect(toDtm.of(job.gid, 'submit')).toHaveLength(1);
    });
  },
  { dtm: { serverTimeout: '1s' } },
);

describeInterop(
  'a DTM server that cannot be reached at the Submit of a job on its own',
  (scene, { store }) => {
    it('#25 is no failure of the start: it asks when it is back', async ({ skip }) => {
      if (!canRestartDtm(store)) skip(NOT_OURS);
      const { app, server, toDtm } = scene();
      const job = app.job({ transaction: 'none' });
      toDtm.on(job.gid, { before: ({ name }) => name === 'submit' && server.kill() });
      await expect(job.start()).resolves.toEqual({ gid: job.gid, created: true });
      await server.restart();
      await scene().reaches(job.gid, 'succeed');
      expect(scene().ranOnce(job.gid)).toBe(true);
    });
  },
  { dtm: { serverTimeout: '1s' } },
);
