import { expect, it } from 'vitest';
import { Step, UnrecoverableStepError, type StepContext, type StepHandler } from '../../../../lib/index.js';
import { codecIsOn } from '../../../support/codec.js';
import { dtmJob, StepNotFinishedError } from '../../../../lib/tm/dtm/index.js';
import { Recording } from '../../../support/recording.js';
import { Ping, type OrderPlaced } from '../../../support/steps.js';
import { waitFor } from '../../../support/wait-for.js';
import { logOf } from '../../../support/log-lines.js';
import { describeInterop } from '../../../support/dtm/scene.js';

@Step('later')
class Later implements StepHandler<OrderPlaced> {
  constructor(private readonly recording: Recording) {}
  async execute(args: OrderPlaced, context: StepContext): Promise<void> {
    await this.recording.note('later', args, context);
  }
}

describeInterop('a step that DTM calls', (scene) => {
  const ping = (delay = 0) =>
    scene()
      .app.jobs.createJob({ transaction: 'none', delay, manager: dtmJob({ retryInterval: '1s' }) })
      .addStep(Ping);

  it('#9 is repeated after an error, with growing distance', async () => {
    const { app } = scene();
    const job = ping();
    const intervals: number[] = [];
    app.behave(job.gid, async ({ attempt }) => {
      intervals.push(await scene().interval(job.gid));
      if (attempt < 3) throw new Error('not yet');
    });
    await job.start();
    await scene().reaches(job.gid, 'succeed');
    expect(app.recording.trace(job.gid)).toEqual(['ping#1', 'ping#2', 'ping#3']);
    expect(intervals).toEqual([1, 2, 4]);
  });

  it('#10 is repeated with the same distance while it says that it has not finished', async () => {
    const { app, toApp } = scene();
    const job = ping();
    const intervals: number[] = [];
    app.behave(job.gid, async ({ attempt }) => {
      intervals.push(await scene().interval(job.gid));
      if (attempt < 4) throw new StepNotFinishedError();
    });
    await job.start();
    await scene().reaches(job.gid, 'succeed');
    expect(toApp.answers(job.gid, 'step')).toEqual(['ongoing', 'ongoing', 'ongoing', 'success']);
    expect(intervals).toEqual([1, 1, 1, 1]);
    expect(logOf(job.gid)).toEqual([]);
  });

  it('#11 never fails its job, is logged once per attempt, and is ended by force', async () => {
    const { app, toApp } = scene();
    const job = ping();
    app.behave(job.gid, () => {
      throw new UnrecoverableStepError('never again');
    });
    await job.start();
    await scene().called(job.gid, 'step', 2);
    expect(new Set(toApp.answers(job.gid, 'step'))).toEqual(new Set(['error']));
    expect(await scene().status(job.gid)).toBe('submitted');
    const attempts = app.recording.of(job.gid).map(({ attempt }) => attempt);
    const lines = logOf(job.gid).map(({ text }) => JSON.parse(text) as { attempt: number; error: string });
    expect(lines.map(({ attempt }) => attempt)).toEqual(attempts);
    for (const { error } of lines)
      expect(error).toContain(codecIsOn ? 'UnrecoverableStepError' : 'never again');

    await app.admin.cancel(job.gid);
    expect(await scene().status(job.gid)).toBe('failed');
    expect(await app.admin.find(job.gid)).toMatchObject({ status: 'canceled' });
  });

  it('#12 waits for the delay of its job', async () => {
    const { app } = scene();
    const before = performance.now();
    const job = ping(3000);
    await job.start();
    await scene().reaches(job.gid, 'succeed');
    expectDelayed(app.moments(job.gid), before);
  });

  it('#12 waits for the delay also when nobody has submitted the job', async () => {
    const { app, toApp } = scene();
    const before = performance.now();
    const { gid } = await app.prepared('commit', { delay: 3000 });
    await scene().reaches(gid, 'succeed');
    expect(toApp.answers(gid, 'query-prepared')).toContain('success');
    expectDelayed(app.moments(gid).slice(0, 1), before);
  });

  /** DTM looks at delayed jobs once a second, and one after the other. */
  function expectDelayed(moments: readonly number[], before: number): void {
    expect(moments).toHaveLength(1);
    expect(moments[0]! - before).toBeGreaterThanOrEqual(2900);
    expect(moments[0]! - before).toBeLessThan(10_000);
  }
});

describeInterop('a step that nobody provides yet', (scene) => {
  it('#20 is repeated until a process that has it is deployed', async () => {
    const { app, toApp } = scene();
    const job = app.jobs.createJob({ transaction: 'none' }).addStep('later', { orderId: 'o' });
    await job.start();
    await scene().called(job.gid, 'step');
    expect(toApp.answers(job.gid, 'step')).toEqual(['ongoing']);
    expect(await scene().status(job.gid)).toBe('submitted');
    expect(logOf(job.gid)[0]?.text).toContain('StepNotFoundError');

    await app.close();
    await scene().start({ providers: [Later] });
    await scene().reaches(job.gid, 'succeed');
    await waitFor(() => scene().app.recording.trace(job.gid).join() === 'later#1');
  });
});
