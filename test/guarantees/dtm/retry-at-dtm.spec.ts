import { Logger } from '@nestjs/common';
import { afterEach, expect, it, vi } from 'vitest';
import { Step, UnrecoverableStepError, type StepContext, type StepHandler } from '../../../lib/index.js';
import { StepNotFinishedError } from '../../../lib/tm/dtm/index.js';
import { suiteApplication } from '../../support/suite-application.js';
import { TestApplication } from '../../support/application.js';
import { codecIsOn } from '../../support/codec.js';
import { describeAtDtm, type Databases } from '../../support/placements.js';
import { Recording } from '../../support/recording.js';
import { Limited, Ping, ReserveStock, SendEmail } from '../../support/steps.js';
import { waitFor } from '../../support/wait-for.js';

/** One attempt, and no more, if it were not for DTM. */
@Step({ name: 'once', retry: { maxAttempts: 1 } })
class Once implements StepHandler {
  constructor(private readonly recording: Recording) {}
  async execute(_: void, context: StepContext): Promise<void> {
    await this.recording.note('once', undefined, context);
  }
}

// The policy of a step is not DTM's: it waits, doubles and repeats by itself, without end.
describeAtDtm(
  'attempts',
  (backend, placement) => {
    let app: TestApplication;
    let databases: Databases;
    const failed: string[] = [];
    suiteApplication(backend, placement, (started) => ({ app, databases } = started), {
      providers: [Once],
      module: { onJobFailed: (job) => void failed.push(job.gid) },
    });
    afterEach(() => {
      vi.restoreAllMocks();
      app.recording.onExecute = () => undefined;
    });

    it('are counted from 1 and repeated after waits that double, without repeating what succeeded', async () => {
      const warnings = vi.spyOn(Logger.prototype, 'warn');
      // DTM's own figure, in seconds: the time between two calls would be that of the machine as well.
      const waits: number[] = [];
      app.recording.onExecute = async ({ gid, step, attempt }) => {
        if (step !== 'limited') return;
        const { transaction } = await databases.dtm!.query(gid);
        waits.push(transaction!.next_cron_interval as number);
        if (attempt < 3) throw new Error('out of stock');
      };
      const job = app.jobs.createJob().addStep(ReserveStock, { orderId: '1' }).addStep(Limited).addStep(Ping);
      const { gid } = await app.dataSource.transaction(() => job.start());
      expect((await app.ended(gid)).status).toBe('succeeded');
      expect(app.recording.trace(gid)).toEqual([
        'reserve-stock#1',
        'limited#1',
        'limited#2',
        'limited#3',
        'ping#1',
      ]);
      expect(waits).toEqual([1, 2, 4]);
      const lines = warnings.mock.calls.map(([line]) => line as { gid?: string; attempt?: number });
      expect(lines.filter((line) => line.gid === gid)).toMatchObject([
        { attempt: 1, step: 'limited', stepIndex: 1, error: codecIsOn ? 'Error' : 'Error: out of stock' },
        { attempt: 2, step: 'limited', stepIndex: 1, error: codecIsOn ? 'Error' : 'Error: out of stock' },
      ]);
    });

    it('never are the last ones: nothing fails a job, and cancel() ends it', async () => {
      app.recording.onExecute = ({ step }) => {
        if (step === 'once') throw new Error('not this time');
        if (step === 'ping') throw new UnrecoverableStepError('never');
      };
      const start = async (step: typeof Once | typeof Ping) =>
        (
          await app.jobs
            .createJob({ transaction: 'none' })
            .addStep(step)
            .addStep(SendEmail, { orderId: '1' })
            .start()
        ).gid;
      const gids = [await start(Once), await start(Ping)];
      for (const gid of gids) {
        await waitFor(() => app.recording.of(gid).length === 2);
        expect(await app.admin.find(gid)).toMatchObject({ status: 'submitted', error: null, endedAt: null });
        await app.admin.cancel(gid);
        expect(await app.admin.find(gid)).toMatchObject({ status: 'canceled' });
      }
      expect(failed).toEqual([]);
    });

    it('of a step that has not finished are repeated after the same wait', async () => {
      const times: number[] = [];
      app.recording.onExecute = ({ step }) => {
        if (step !== 'limited') return;
        times.push(performance.now());
        if (times.length < 4) throw new StepNotFinishedError();
      };
      const { gid } = await app.jobs.createJob({ transaction: 'none' }).addStep(Limited).start();
      expect((await app.ended(gid)).status).toBe('succeeded');
      // Doubled, they would have been 2, 4 and 8 seconds.
      expect(times.at(-1)! - times[0]!).toBeLessThan(11_000);
    });
  },
  ['postgres'],
);
