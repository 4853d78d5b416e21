import { expect, it } from 'vitest';
import { Databases, describePlacements, TestApplication } from '../fixtures/application.js';
import { startWorker, workerReady, type StepMessage } from '../fixtures/worker.js';
import { waitFor } from '../support/wait-for.js';

const JOBS = 100;
const SETTINGS = { leaseDuration: 2000, recoveryInterval: 250, queryPreparedAfter: 1000 };
const BOUND = SETTINGS.leaseDuration + 2 * SETTINGS.recoveryInterval;
/** For a machine that is busy with other tests. */
const MARGIN = 4000;

describePlacements('two processes', (backend, placement) => {
  it(`finish ${JOBS} jobs when the one that started them is killed`, async () => {
    const databases = await Databases.create(backend, placement);
    const other = await TestApplication.start(databases, { selfTm: SETTINGS });
    try {
      const starter = await workerReady(startWorker(databases, { name: 'starter', selfTm: SETTINGS }));
      // No job comes to its end there.
      const slow = { only: 'starter', wait: 100 };
      const endless = { only: 'starter', wait: 'release' };
      starter.send({
        start: {
          gid: 'job',
          times: JOBS,
          steps: [
            ['reserve-stock', slow],
            ['send-email', endless],
          ],
        },
      });
      const begun = () =>
        starter.messages.filter((message) => message.type === 'begin') as unknown as StepMessage[];
      await starter.waitForMessage((message) => message.type === 'all-started');
      await waitFor(() => begun().some(({ index }) => index === 1));
      await starter.kill('SIGKILL');
      const killedAt = performance.now();

      const all = await other.admin.list({ limit: 1000 });
      const inFlight = all.jobs.filter((job) => !job.endedAt).length;
      expect(all.jobs).toHaveLength(JOBS);
      expect(inFlight).toBe(JOBS);
      await waitFor(
        async () => {
          const { jobs } = await other.admin.list({ status: ['prepared', 'submitted'], limit: 1 });
          return jobs.length === 0;
        },
        { timeout: BOUND + MARGIN, message: 'the end of all jobs' },
      );
      const took = Math.round(performance.now() - killedAt);
      console.log(
        `${backend}, ${placement}: ${inFlight} jobs in flight were finished ${took} ms after the kill`,
      );

      const { jobs } = await other.admin.list({ status: 'succeeded', limit: 1000 });
      expect(jobs).toHaveLength(JOBS);
      const key = ({ gid, index }: { gid: string; index: number }) => `${gid}:${index}`;
      const here = other.recording.executions.map(key);
      expect(new Set(here).size).toBe(here.length);
      const there = begun().map(key);
      expect(new Set(there).size).toBe(there.length);
      expect(new Set([...here, ...there]).size).toBe(2 * JOBS);
      for (const { gid } of jobs) {
        const repeated = other.recording.of(gid).filter((execution) => there.includes(key(execution)));
        // Only the step that was running when the process died.
        expect(repeated.length).toBeLessThanOrEqual(1);
        if (repeated[0])
          expect(repeated[0].index).toBe(
            Math.max(
              ...begun()
                .filter((step) => step.gid === gid)
                .map(({ index }) => index),
            ),
          );
      }
    } finally {
      await other.close();
      await databases.drop();
    }
  });
});
