import { Logger, type Type } from '@nestjs/common';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Step, type SelfTmOptions, type StepContext, type StepHandler } from '../../../lib/index.js';
import { TestApplication } from '../../support/application.js';
import { Databases } from '../../support/placements.js';
import { fence } from '../../support/fates.js';
import { Recording } from '../../support/recording.js';
import { Ping } from '../../support/steps.js';
import { makeDue, storedJob } from '../../support/stored-job.js';
import { describeBackends } from '../../support/database.js';
import { ChargeCents, ChargeText, PriceInCents } from '../../support/charge.steps.js';
import { waitFor } from '../../support/wait-for.js';

@Step({ name: 'greet', aliases: ['say-hello', 'welcome'] })
class Greet implements StepHandler<{ name: string }> {
  constructor(private readonly recording: Recording) {}
  async execute(args: { name: string }, context: StepContext): Promise<void> {
    await this.recording.note(context.stepName, args, context);
  }
}

describeBackends('a stored job that this process cannot run', (backend) => {
  let databases: Databases;
  const apps: TestApplication[] = [];
  const start = async (providers: Type[] = [], selfTm: SelfTmOptions = {}): Promise<TestApplication> => {
    const app = await TestApplication.start(databases, { providers, selfTm });
    apps.push(app);
    return app;
  };

  beforeEach(async () => {
    databases = await Databases.create(backend, 'one');
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    for (const app of apps.splice(0)) await app.close();
    await databases.drop();
  });

  it('without the step is kept for one that can, and reported', async () => {
    const warn = vi.spyOn(Logger.prototype, 'warn');
    // How often is looked for unknown steps goes by the retention, down to a second.
    const app = await start([], { retention: 1000 });
    const { gid } = await app.jobs
      .createJob()
      .addStep(Ping)
      .addStep('charge', { cents: 5 })
      .addStep(Ping)
      .start();
    await waitFor(async () => (await app.admin.find(gid))?.steps[1]!.status === 'waiting');
    await fence(app);
    expect(app.recording.trace(gid)).toEqual(['ping#1']);
    expect(await storedJob(databases, gid)).toMatchObject({ status: 'submitted', owner: null, attempts: 0 });

    await makeDue(databases, gid, 120);
    const told = () => warn.mock.calls.filter(([message]) => String(message).includes("the step 'charge'"));
    await waitFor(() => told().length > 0);
    expect(String(told()[0]![0])).toContain('They are kept');

    const other = await start([ChargeCents]);
    expect((await other.ended(gid)).status).toBe('succeeded');
    expect(other.recording.trace(gid)[0]).toBe('charge#1');
    expect(told()).toHaveLength(1);
  });

  it.each([
    ['that runs steps', true],
    ['that only starts jobs', false],
  ])(
    'for a name that nobody provides is reported within seconds, once, by a process %s',
    async (_, runSteps) => {
      const warn = vi.spyOn(Logger.prototype, 'warn');
      const told = () =>
        warn.mock.calls.filter(([message]) => String(message).includes("the step 'misspelled'"));
      const app = await start([], { runSteps });
      const add = () => app.jobs.createJob().addStep('misspelled').start();
      await add();
      await waitFor(() => told().length > 0);
      await add();
      await app.jobs.createJob().addStep('another-one').start();
      await waitFor(() => warn.mock.calls.some(([message]) => String(message).includes('another-one')));
      expect(told()).toHaveLength(1);
    },
  );

  it('since its arguments do not fit is kept for one where they do, and reported', async () => {
    const warn = vi.spyOn(Logger.prototype, 'warn');
    const starter = await start([ChargeCents], { runSteps: false });
    const { gid } = await starter.jobs.createJob().addStep(ChargeCents, { cents: 5 }).start();
    const newer = await start([ChargeText]);
    const unfit = await waitFor(async () => {
      const job = await newer.admin.find(gid);
      return job?.error ? job : undefined;
    });
    expect(unfit).toMatchObject({ status: 'submitted', steps: [{ status: 'waiting', attempts: 0 }] });
    expect(unfit.error).toContain('InvalidStepArgumentsError');
    expect(unfit.error).toContain('price');
    const lines = warn.mock.calls.map(([line]) => line as { message?: string; gid?: string });
    expect(lines.find((line) => line.gid === gid)?.message).toContain('cannot begin in this process');
    await fence(newer);
    expect(newer.recording.of(gid)).toEqual([]);

    const older = await start([ChargeCents]);
    await waitFor(async () => {
      // The process that it does not fit may be the first to look, and then gives it back again.
      await makeDue(databases, gid);
      return (await older.admin.find(gid))?.endedAt;
    });
    expect(await older.admin.find(gid)).toMatchObject({ status: 'succeeded', error: null });
    expect(older.recording.trace(gid)).toEqual(['charge#1']);
    expect(older.recording.of(gid)[0]!.args).toBeInstanceOf(PriceInCents);
    expect(newer.recording.of(gid)).toEqual([]);
  });

  it('under its new name is run by an alias', async () => {
    const app = await start([Greet]);
    const job = app.jobs
      .createJob()
      .addStep('say-hello', { name: 'Ada' })
      .addStep(Greet, { name: 'Bob' })
      .addStep('welcome', { name: 'Cy' });
    const { gid } = await job.start();
    expect((await app.ended(gid)).status).toBe('succeeded');
    expect(app.recording.trace(gid)).toEqual(['say-hello#1', 'greet#1', 'welcome#1']);
    expect((await app.admin.find(gid))!.steps.map(({ name }) => name)).toEqual([
      'say-hello',
      'greet',
      'welcome',
    ]);
  });
});
