import { expect, it } from 'vitest';
import { connect, TestApplication } from '../../support/application.js';
import { Databases } from '../../support/placements.js';
import {
  startWorker,
  stepMessages,
  workerReady,
  type StepMessage,
  type WorkerOptions,
} from '../../support/worker.js';
import type { AppProcess } from '../../support/child-process.js';
import { describeBackends, type Backend } from '../../support/database.js';
import { waitFor } from '../../support/wait-for.js';

const HOUR = 3600_000;
const LEASE = 1000;
const LONG = 3 * LEASE;
const DELAY = 1500;

// SQLite goes by the clock of the host, which all its processes share.
describeBackends(
  'two processes whose clocks and time zones differ',
  (backend) => {
    it('keep leases, delays and take-overs by the time of the database', async () => {
      const databases = await Databases.create(backend, 'one');
      await (await connect(databases.business)).destroy();
      const watcher = await TestApplication.start(databases, { selfTm: { runSteps: false } });
      try {
        const settings = { selfTm: { leaseDuration: LEASE, recoveryInterval: 100 } };
        const ahead = startWorker(databases, {
          ...settings,
          ...zone(backend, databases, 'Pacific/Kiritimati', '+13:00'),
          name: 'ahead',
          clockOffset: HOUR,
        });
        const behind = startWorker(databases, {
          ...settings,
          ...zone(backend, databases, 'Pacific/Pago_Pago', '-11:00'),
          name: 'behind',
          clockOffset: -HOUR,
        });
        const workers = [await workerReady(ahead), await workerReady(behind)];
        const clocks = workers.map(
          (worker) => worker.messages.find(({ type }) => type === 'ready')!.now as number,
        );
        expect(clocks[0]! - clocks[1]!).toBeGreaterThan(HOUR);

        const begun = (gid: string): StepMessage[] => workers.flatMap((worker) => stepMessages(worker, gid));
        for (const [at, worker] of workers.entries()) {
          worker.send({ start: { gid: `long-${at}`, steps: [['reserve-stock', { wait: LONG }]] } });
          worker.send({ start: { gid: `delayed-${at}`, delay: DELAY, steps: [['reserve-stock']] } });
        }
        for (const at of [0, 1]) {
          const gid = `delayed-${at}`;
          const { at: startedAt } = await workers[at]!.waitForMessage(
            (message) => message.gid === gid && message.type === 'started',
          );
          expect((await watcher.ended(gid)).status).toBe('succeeded');
          const [step] = begun(gid);
          // The message was written after the row, by about as much as a statement takes.
          expect(step!.at - startedAt).toBeGreaterThan(DELAY - 500);
          expect(step!.at - startedAt).toBeLessThan(DELAY + 5000);
        }
        for (const at of [0, 1]) {
          expect((await watcher.ended(`long-${at}`)).status).toBe('succeeded');
          expect(begun(`long-${at}`)).toHaveLength(1);
        }
        const takenOver = await killed(ahead, 'ahead', behind);
        expect(takenOver).toBeGreaterThan(LEASE / 2);
        expect(takenOver).toBeLessThan(LEASE + 5000);
      } finally {
        await watcher.close();
        await databases.drop();
      }
    });
  },
  ['postgres', 'mariadb'],
);

/** Kills the process in the middle of a step, and tells after how many milliseconds the other one began it. */
async function killed(victim: AppProcess, name: string, other: AppProcess): Promise<number> {
  victim.send({ start: { gid: 'last', steps: [['reserve-stock', { only: name, wait: 'release' }]] } });
  await waitFor(() => stepMessages(victim, 'last').length === 1);
  await victim.kill('SIGKILL');
  const began = Number(process.hrtime.bigint() / 1000n) / 1000;
  await waitFor(() => stepMessages(other, 'last', 'end').length === 1);
  const after = stepMessages(other, 'last')[0]!.at - began;
  await other.kill('SIGKILL');
  return after;
}

function zone(backend: Backend, databases: Databases, timeZone: string, offset: string): WorkerOptions {
  if (backend === 'mariadb') return { timeZone, sessionTimeZone: offset };
  const options = `-c search_path=${databases.business.schema} -c TimeZone=${timeZone}`;
  return { timeZone, dataSource: { extra: { options } } };
}
