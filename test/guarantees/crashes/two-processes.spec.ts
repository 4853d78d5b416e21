import { expect, it } from 'vitest';
import { TestApplication } from '../../support/application.js';
import { Databases, describeManagers } from '../../support/placements.js';
import { startWorker, workerReady, type StepMessage } from '../../support/worker.js';
import { waitFor } from '../../support/wait-for.js';

const JOBS = 100;
const SETTINGS = { leaseDuration: 2000, recoveryInterval: 250, queryPreparedAfter: 1000 };
const BOUND = SETTINGS.leaseDuration + 2 * SETTINGS.recoveryInterval;
/** A commit of many jobs at once may take a while, before DTM asks. */
const DTM = { queryPreparedAfter: '5s', retryInterval: '1s' };
/** Jobs that were not submitted yet are looked at early once, which costs ten seconds. */
const DTM_BOUND = 20_000;
/** For a machine that is busy with other tests. */
const MARGIN = 4000;

describeManagers(
  'two processes',
  (backend, placement) => {
    it(`finish ${JOBS} jobs when the one that started them is killed`, async () => {
      const databases = await Databases.create(backend, placement);
      const other = await TestApplication.start(databases, { selfTm: SETTINGS, dtm: DTM });
      try {
        const place = await databases.dtmPlace();
        const starter = await workerReady(
          startWorker(databases, { name: 'starter', selfTm: SETTINGS, place, dtm: DTM }),
        );
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
        // DTM tells of one job at a time, while others go on after the kill.
        const before = place && (await other.admin.list({ limit: 1000 }));
        await starter.kill('SIGKILL');
        const killedAt = performance.now();

        const all = before || (await other.admin.list({ limit: 1000 }));
        const inFlight = all.jobs.filter((job) => !job.endedAt).length;
        expect(all.jobs).toHaveLength(JOBS);
        // The other process may have ended some that the first one had no place for, or gave back.
        expect(inFlight).toBeGreaterThanOrEqual(begun().filter(({ index }) => index === 1).length);
        expect(inFlight).toBeGreaterThan(0);
        await waitFor(
          async () => {
            // A page of DTM's may be empty before the last one: a job goes on between the list and the look at it.
            if (place)
              return (await other.admin.list({ status: 'succeeded', limit: 1000 })).jobs.length === JOBS;
            const { jobs } = await other.admin.list({ status: ['prepared', 'submitted'], limit: 1 });
            return jobs.length === 0;
          },
          {
            timeout: (place ? DTM_BOUND : BOUND) + MARGIN,
            interval: place ? 250 : 10,
            message: 'the end of all jobs',
          },
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
  },
  { atDtm: ['postgres'] },
);
