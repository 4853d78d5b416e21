import { Logger, type Type } from '@nestjs/common';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Step, type StepContext, type StepHandler } from '../../../lib/index.js';
import { TestApplication } from '../../support/application.js';
import { Databases, describeAtDtm } from '../../support/placements.js';
import { Recording } from '../../support/recording.js';
import { Ping } from '../../support/steps.js';
import { ChargeCents, ChargeText, PriceInCents } from '../../support/charge.steps.js';
import { waitFor } from '../../support/wait-for.js';

@Step({ name: 'greet', aliases: ['say-hello'] })
class Greet implements StepHandler<{ name: string }> {
  constructor(private readonly recording: Recording) {}
  async execute(args: { name: string }, context: StepContext): Promise<void> {
    await this.recording.note(context.stepName, args, context);
  }
}

// One after the other, as in a deployment: DTM asks any process that it reaches.
describeAtDtm(
  'a job at DTM that the process which is asked cannot run',
  (backend, placement) => {
    let databases: Databases;
    let app: TestApplication;
    const deploy = async (...providers: Type[]): Promise<TestApplication> => {
      await app?.close();
      return (app = await TestApplication.start(databases, { providers }));
    };
    const reported = (warn: { mock: { calls: unknown[][] } }, gid: string) =>
      warn.mock.calls
        .map(([line]) => line as { gid?: string; message?: string; error?: string })
        .find((line) => line.gid === gid && line.message?.includes('cannot begin in this process'));

    beforeEach(async () => {
      databases = await Databases.create(backend, placement);
    });
    afterEach(async () => {
      vi.restoreAllMocks();
      await app.close();
      await databases.drop();
    });

    it('without the step is kept until it can, and reported', async () => {
      const warn = vi.spyOn(Logger.prototype, 'warn');
      const without = await deploy();
      const job = without.jobs.createJob().addStep(Ping).addStep('charge', { cents: 5 }).addStep(Ping);
      const { gid } = await without.dataSource.transaction(() => job.start());
      const line = await waitFor(() => reported(warn, gid));
      expect(line.error).toContain("'charge'");
      expect(without.recording.trace(gid)).toEqual(['ping#1']);
      expect(await without.admin.find(gid)).toMatchObject({
        status: 'submitted',
        steps: [{ status: 'succeeded' }, { status: 'waiting' }, { status: 'pending' }],
      });
      const knows = await deploy(ChargeCents);
      expect((await knows.ended(gid)).status).toBe('succeeded');
      expect(knows.recording.trace(gid)).toEqual(['charge#1', 'ping#1']);
    });

    it('since its arguments do not fit is kept until they do, and reported', async () => {
      const warn = vi.spyOn(Logger.prototype, 'warn');
      const older = await deploy(ChargeCents);
      const { gid } = await older.jobs
        .createJob({ transaction: 'none', delay: '1s' })
        .addStep(ChargeCents, { cents: 5 })
        .addStep('say-hello', { name: 'Ada' })
        .start();
      const newer = await deploy(ChargeText, Greet);
      const line = await waitFor(() => reported(warn, gid));
      expect(line.error).toContain('InvalidStepArgumentsError');
      expect(newer.recording.of(gid)).toEqual([]);

      const repaired = await deploy(ChargeCents, Greet);
      expect((await repaired.ended(gid)).status).toBe('succeeded');
      // The second one by an alias.
      expect(repaired.recording.trace(gid)).toEqual(['charge#1', 'say-hello#1']);
      expect(repaired.recording.of(gid)[0]!.args).toBeInstanceOf(PriceInCents);
    });
  },
  ['postgres'],
);
