import { afterEach, beforeEach, expect, it } from 'vitest';
import { SteppingOperations, type ProcessInfo, type SelfTmOptions } from '../../../../lib/index.js';
import { TestApplication } from '../../../support/application.js';
import type { AppProcess } from '../../../support/child-process.js';
import { Databases, describePlacements } from '../../../support/placements.js';
import { startWorker, workerReady } from '../../../support/worker.js';
import { waitFor } from '../../../support/wait-for.js';

const HEARTBEAT = 250;
const SETTINGS: SelfTmOptions = {
  leaseDuration: '1h',
  gracePeriod: '1m',
  monitoring: { heartbeat: HEARTBEAT, flush: 250 },
};
/** Three heartbeats, and what a busy machine takes. */
const PATIENCE = { timeout: 30_000 };

let databases: Databases;
let api: TestApplication;
let worker: AppProcess | undefined;

describePlacements(
  'the registry of processes',
  (backend, placement) => {
    beforeEach(async () => {
      databases = await Databases.create(backend, placement);
      api = await TestApplication.start(databases, { selfTm: { ...SETTINGS, runSteps: false } });
    });
    afterEach(async () => {
      await worker?.kill();
      worker = undefined;
      await api.close();
      await databases.drop();
    });

    const operations = () => api.context.get(SteppingOperations);
    const startOne = async () => (worker = await workerReady(startWorker(databases, { selfTm: SETTINGS })));
    const find = (pid: number) =>
      waitFor(async () => (await operations().processes()).find((info) => info.pid === pid), PATIENCE);
    const becomes = (pid: number, is: (info: ProcessInfo) => boolean) =>
      waitFor(async () => {
        const info = (await operations().processes()).find((one) => one.pid === pid);
        return info && is(info) && info;
      }, PATIENCE);

    it('shows a process that only starts jobs, and one that runs them, with what it is at', async () => {
      const { pid, send } = { pid: (await startOne()).pid, send: worker!.send.bind(worker) };
      send({ start: { gid: 'slow', steps: [['reserve-stock', { wait: 'release' }]] } });
      const busy = await becomes(pid, ({ running, recoveredAt }) => running === 1 && recoveredAt !== null);
      expect(busy).toMatchObject({ state: 'alive', runsSteps: true, concurrency: 32, waiting: 0, held: 1 });
      expect(busy.steps).toEqual(expect.arrayContaining(['reserve-stock', 'send-email']));
      expect(busy.busy).toMatchObject([{ gid: 'slow', step: 'reserve-stock' }]);
      expect(busy.busy[0]!.since.getTime()).toBeLessThanOrEqual(busy.seenAt.getTime());
      expect(busy.name).toBe(`${busy.host}:${pid}`);

      const own = await find(process.pid);
      expect(own).toMatchObject({ state: 'alive', runsSteps: false, running: 0, held: 0, busy: [] });
      const { processes, running } = await operations().overview();
      expect([processes, running]).toEqual([2, 1]);
    });

    it('shows a killed process as gone, with the jobs that it held', async () => {
      const { pid } = await startOne();
      worker!.send({ start: { gid: 'slow', steps: [['reserve-stock', { wait: 'release' }]] } });
      await becomes(pid, ({ held, running }) => held === 1 && running === 1);
      await worker!.kill('SIGKILL');
      const gone = await becomes(pid, ({ state }) => state === 'gone');
      expect(gone).toMatchObject({ held: 1, busy: [{ gid: 'slow' }] });
      expect((await operations().overview()).processes).toBe(1);

      // With all workers dead, a process that runs no steps tells it.
      const health = await operations().health();
      expect(health.status).toBe('down');
      expect(health.problems.map(({ code }) => code)).toEqual(['NO_WORKERS', 'RECOVERY_STOPPED']);
    });

    it('takes the row of a process back that is told to end', async () => {
      const { pid } = await startOne();
      await find(pid);
      await worker!.kill('SIGTERM');
      const rows = await databases.store.query<{ pid: number }>('SELECT pid FROM stepping_processes');
      expect(rows.map((row) => Number(row.pid))).toEqual([process.pid]);
      // What is told may be two seconds old.
      await waitFor(async () => !(await operations().processes()).some((info) => info.pid === pid), PATIENCE);
    });

    it('says that a process stops while its steps end', async () => {
      const { pid } = await startOne();
      worker!.send({ start: { gid: 'slow', steps: [['reserve-stock', { wait: 'release' }]] } });
      await becomes(pid, ({ running }) => running === 1);
      worker!.signal('SIGTERM');
      await becomes(pid, ({ state }) => state === 'stopping');
      worker!.send({ release: true });
      await waitFor(() => worker!.exit !== undefined);
    });

    it('writes a row again that somebody has deleted', async () => {
      const own = await find(process.pid);
      await databases.store.query('DELETE FROM stepping_processes');
      const again = await waitFor(async () => {
        const rows = await databases.store.query<{ id: string }>('SELECT id FROM stepping_processes');
        return rows.length === 1 && rows[0];
      }, PATIENCE);
      expect(again.id).toBe(own.id);
    });
  },
  undefined,
  ['one'],
);
