import { afterEach, describe, expect, it } from 'vitest';
import { DuplicateGidError, HttpRequestStep, type StepOverrides } from '../../../lib/index.js';
import { dtmJob, DtmUnsupportedError } from '../../../lib/tm/dtm/index.js';
import type { TestApplication } from '../../support/application.js';
import { CallbackApplication } from '../../support/dtm/callback-application.js';
import { SECRET } from '../../support/dtm/dtm-place.js';
import { signedStep } from '../../support/dtm/signed.js';
import { logOf } from '../../support/log-lines.js';
import { describeAtDtm } from '../../support/placements.js';
import { Limited, Ping, SendEmail } from '../../support/steps.js';
import { suiteApplication } from '../../support/suite-application.js';
import { waitFor } from '../../support/wait-for.js';

describeAtDtm(
  'overrides of a step',
  (backend, placement) => {
    let app: TestApplication;
    suiteApplication(backend, placement, (started) => ({ app } = started));
    afterEach(() => {
      app.recording.onExecute = () => undefined;
    });

    it('travel to DTM and back: the time-out holds, and no attempt is the last one', async () => {
      const told: unknown[] = [];
      app.recording.onExecute = async ({ step, attempt }, { signal, lastAttempt }) => {
        told.push(lastAttempt);
        if (step !== 'send-email' || attempt > 1) return;
        await waitFor(() => signal.aborted);
        told.push((signal.reason as Error).message);
        signal.throwIfAborted();
      };
      const overrides = { timeout: 200, retry: { maxAttempts: 1 } };
      const { gid } = await app.dataSource.transaction(() =>
        app.jobs.createJob().addStep(SendEmail, { orderId: '1' }, overrides).addStep(Ping).start(),
      );
      expect((await app.ended(gid)).status).toBe('succeeded');
      expect(app.recording.trace(gid)).toEqual(['send-email#1', 'send-email#2', 'ping#1']);
      expect(told).toEqual([undefined, expect.stringContaining('200 ms'), undefined, undefined]);
      expect((await app.admin.find(gid))!.steps.map(({ name, args }) => [name, args])).toEqual([
        ['send-email', { orderId: '1' }],
        ['ping', null],
      ]);
    });

    it('are part of what makes a job the same', async () => {
      const start = (overrides?: StepOverrides) =>
        app.jobs
          .createJob({ gid: 'same', transaction: 'none' })
          .addStep(Limited, undefined, overrides)
          .start();
      expect(await start({ timeout: '5s' })).toEqual({ gid: 'same', created: true });
      await app.ended('same');
      expect(await start({ timeout: 5000 })).toEqual({ gid: 'same', created: false });
      await expect(start()).rejects.toBeInstanceOf(DuplicateGidError);
      await expect(start({ timeout: '6s' })).rejects.toBeInstanceOf(DuplicateGidError);
      expect(app.recording.trace('same')).toEqual(['limited#1']);
    });

    it('are refused where DTM sends the request by itself', async () => {
      const job = app.jobs
        .createJob({ transaction: 'none', manager: dtmJob({ directHttpSteps: true }) })
        .addStep(HttpRequestStep, { url: 'http://127.0.0.1:9/' }, { timeout: '5s' });
      await expect(job.start()).rejects.toBeInstanceOf(DtmUnsupportedError);
      expect(await app.admin.find(job.gid)).toBeNull();
    });
  },
  ['postgres'],
);

describe.for(['http', 'grpc'] as const)('overrides that DTM brings over %s', (protocol) => {
  it('and that cannot be read let the step wait, and are reported', async ({ onTestFinished }) => {
    const application = await CallbackApplication.start(protocol);
    onTestFinished(() => application.close());
    const gid = `unreadable-${protocol}`;
    const call = (overrides: unknown) => {
      const payload = { step: 'pay', time: Date.now(), requestTimeout: 30, overrides, args: protocol };
      return application.step(gid, '01', signedStep(SECRET, gid, '01', payload));
    };
    for (const overrides of [{ timeout: 'soon' }, { priority: 1 }, null]) {
      // Called again, without longer and longer waits.
      expect(await call(overrides)).toBe(protocol === 'http' ? 425 : 9);
    }
    expect(application.executed.filter(({ args }) => args === protocol)).toEqual([]);
    expect(logOf(gid).map(({ text }) => text)).toEqual(
      Array.from({ length: 3 }, () =>
        expect.stringMatching(/cannot begin in this process.*UnreadableJobError/),
      ),
    );
    expect(await call({ timeout: 1000 })).toBe(protocol === 'http' ? 200 : 0);
    expect(application.executed.at(-1)).toEqual({ step: 'pay', args: protocol });
  });
});
