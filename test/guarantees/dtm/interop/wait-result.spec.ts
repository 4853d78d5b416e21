import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { dtmJob } from '../../../../lib/tm/dtm/index.js';
import { Ping } from '../../../support/steps.js';
import { logOf } from '../../../support/log-lines.js';
import { describeInterop } from '../../../support/dtm/scene.js';

describeInterop(
  'a start that waits for the result',
  (scene, { protocol }) => {
    it('#13 resolves after the last step', async () => {
      const { app } = scene();
      const job = app.job({ transaction: 'none', manager: dtmJob({ waitResult: true }) });
      const ended: string[] = [];
      app.behave(job.gid, async ({ step }) => {
        await sleep(300);
        ended.push(step);
      });
      await job.start();
      expect(ended).toEqual(['reserve-stock', 'send-email']);
      expect(await scene().status(job.gid)).toBe('succeed');
    });

    it('#13 is possible by hand after a transaction, too', async () => {
      const { app } = scene();
      const ended: string[] = [];
      const job = await app.prepared('commit', {
        manager: dtmJob({ waitResult: true, queryPreparedAfter: '5m' }),
      });
      app.behave(job.gid, async ({ step }) => {
        await sleep(100);
        ended.push(step);
      });
      await job.submit();
      expect(ended).toEqual(['reserve-stock', 'send-email']);
    });

    it('#14 is told that the job is accepted and not finished when a step fails', async () => {
      const { app, toDtm, toApp } = scene();
      const job = app.job({
        transaction: 'none',
        manager: dtmJob({ waitResult: true, retryInterval: '1s' }),
      });
      app.behave(job.gid, ({ step, attempt }) => {
        if (step === 'send-email' && attempt === 1) throw new Error('no connection');
      });
      await expect(job.start()).resolves.toEqual({ gid: job.gid, created: true });
      expect(await scene().status(job.gid)).toBe('submitted');
      expect(logOf(job.gid).at(-1)?.text).toContain('is accepted and not finished yet');

      await scene().reaches(job.gid, 'succeed');
      expect(app.recording.trace(job.gid)).toEqual(['reserve-stock#1', 'send-email#1', 'send-email#2']);
      expect(toApp.of(job.gid)).toHaveLength(3);
      expect(toDtm.of(job.gid, 'submit')).toHaveLength(1);
    });

    it('#15 gives a step its whole time, in seconds, and waits longer itself', async () => {
      const { app, toDtm, toApp, server } = scene();
      const settings = dtmJob({ waitResult: true, requestTimeout: '7s', retryInterval: '10s' });
      const job = app.jobs.createJob({ transaction: 'none', manager: settings }).addStep(Ping);
      let aborted: boolean | undefined;
      app.behave(job.gid, async (_, { signal }) => {
        await sleep(4000);
        aborted = signal.aborted;
      });
      await job.start();
      expect(await scene().status(job.gid)).toBe('succeed');
      expect(aborted).toBe(false);
      expect(logOf(job.gid)).toEqual([]);
      expect(toDtm.of(job.gid, 'submit')).toHaveLength(1);

      const [call, ...others] = toApp.of(job.gid);
      expect(others).toHaveLength(0);
      expect(JSON.parse(call!.body.toString())).toMatchObject({ requestTimeout: 7 });
      const { transaction } = await server.query(job.gid);
      expect(JSON.parse(transaction!.options as string)).toMatchObject({ request_timeout: 7 });
      // HTTP tells nobody how long it waits. That the client waits longer shows in the start above: on its own it
      // would have given up after two seconds.
      if (protocol === 'http') return;
      expect(call!.deadline).toBeGreaterThan(5000);
      expect(call!.deadline).toBeLessThanOrEqual(7000);
      expect(toDtm.of(job.gid, 'submit')[0]!.deadline).toBeGreaterThan(call!.deadline!);
    });

    it('#15 does not run a step twice when DTM calls it again meanwhile', async () => {
      const { app, toApp } = scene();
      // DTM looks at the job again although its own first call is not over.
      const settings = dtmJob({ waitResult: true, requestTimeout: '7s', retryInterval: '1s' });
      const job = app.jobs.createJob({ transaction: 'none', manager: settings }).addStep(Ping);
      app.behave(job.gid, () => scene().called(job.gid, 'step'));
      await job.start();
      // The look in between may make DTM answer that it goes on.
      await scene().reaches(job.gid, 'succeed');
      expect(app.recording.trace(job.gid)).toEqual(['ping#1']);
      expect(toApp.answers(job.gid, 'step').slice(0, 2)).toEqual(['success', 'ongoing']);
    });

    it('#15 stops a step that takes longer, before DTM stops waiting', async () => {
      const { app, toApp } = scene();
      const settings = dtmJob({ requestTimeout: '2s', retryInterval: '1s' });
      const job = app.jobs.createJob({ transaction: 'none', manager: settings }).addStep(Ping);
      const reasons: string[] = [];
      app.behave(job.gid, async ({ attempt }, { signal }) => {
        if (attempt > 1) return;
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        reasons.push((signal.reason as Error).name);
      });
      await job.start();
      await scene().reaches(job.gid, 'succeed');
      expect(reasons).toEqual(['StepTimeoutError']);
      // DTM may have called again before the first call was over.
      const [first, second, ...others] = toApp.of(job.gid).filter(({ answer }) => answer !== 'ongoing');
      expect([first!.answer, second!.answer]).toEqual(['error', 'success']);
      expect(others).toHaveLength(0);
      expect(first!.took).toBeLessThan(2000);
    });
  },
  { dtm: { serverTimeout: '2s' } },
);
