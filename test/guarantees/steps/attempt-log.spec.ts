import { inspect } from 'node:util';
import { Logger } from '@nestjs/common';
import { IsInt } from 'class-validator';
import { afterEach, beforeEach, expect, it, vi, type MockInstance } from 'vitest';
import { Step, UnrecoverableStepError, type StepContext, type StepHandler } from '../../../lib/index.js';
import { suiteApplication } from '../../support/suite-application.js';
import { TestApplication } from '../../support/application.js';
import { codecIsOn } from '../../support/codec.js';
import { Databases, describeManagers, isAtDtm } from '../../support/placements.js';
import { Recording } from '../../support/recording.js';
import { waitFor } from '../../support/wait-for.js';

const SECRET = 'card-4111111111111111';

class Card {
  number!: string;
}

/** Its second attempt is hours away. */
@Step({ name: 'charge-card', args: Card, retry: { delay: '3h', maxDelay: '3h', jitter: false } })
class ChargeCard implements StepHandler<Card> {
  constructor(private readonly recording: Recording) {}
  async execute(card: Card, context: StepContext): Promise<void> {
    await this.recording.note('charge-card', card, context);
  }
}

class Refund extends Card {
  @IsInt()
  cents!: number;
}

/** A step of another process, which asks for more than was stored. */
@Step({ name: 'refund-card', args: Refund })
class RefundCard implements StepHandler<Refund> {
  execute(): void {}
}

describeManagers(
  'the log of a failed attempt',
  (backend, placement) => {
    const atDtm = isAtDtm(placement);
    let databases: Databases;
    let app: TestApplication;
    let warn: MockInstance<Logger['warn']>;
    let error: MockInstance<Logger['error']>;
    suiteApplication(backend, placement, (started) => ({ databases, app } = started), {
      providers: [ChargeCard],
    });
    beforeEach(() => {
      warn = vi.spyOn(Logger.prototype, 'warn');
      error = vi.spyOn(Logger.prototype, 'error');
    });
    afterEach(() => {
      app.recording.onExecute = () => undefined;
      vi.restoreAllMocks();
    });

    const linesOf = (gid: string) =>
      warn.mock.calls.map(([line]) => line as { gid?: string }).filter((line) => line?.gid === gid);
    const everything = () => inspect([...warn.mock.calls, ...error.mock.calls], { depth: 10 });

    it('is one line with these fields, and without the arguments', async () => {
      app.recording.onExecute = () => {
        throw new TypeError('the bank is closed');
      };
      const { gid } = await app.jobs.createJob().addStep(ChargeCard, { number: SECRET }).start();
      const [line] = await waitFor(() => linesOf(gid).length > 0 && linesOf(gid));
      expect(line).toEqual({
        message: `Step charge-card of job ${gid} failed`,
        gid: gid,
        step: 'charge-card',
        stepIndex: 0,
        attempt: 1,
        tookMs: expect.any(Number),
        ...(!atDtm && { nextAttemptInMs: 3 * 3600_000 }),
        error: codecIsOn ? 'TypeError' : 'TypeError: the bank is closed',
      });
      expect(everything()).not.toContain(SECRET);
      await app.admin.cancel(gid);
    });

    if (atDtm) return;

    it('says when no attempt follows', async () => {
      app.recording.onExecute = () => {
        throw new UnrecoverableStepError('the card is stolen');
      };
      const { gid } = await app.jobs.createJob().addStep(ChargeCard, { number: SECRET }).start();
      expect((await app.ended(gid)).status).toBe('failed');
      expect(linesOf(gid)).toEqual([
        expect.objectContaining({
          nextAttemptInMs: null,
          error: codecIsOn ? 'UnrecoverableStepError' : 'UnrecoverableStepError: the card is stolen',
        }),
      ]);
      expect(everything()).not.toContain(SECRET);
    });

    it('says that stored arguments do not fit the step of this process', async () => {
      const { gid } = await app.jobs.createJob().addStep('refund-card', { number: SECRET }).start();
      const other = await TestApplication.start(databases, { providers: [RefundCard] });
      try {
        const [line] = await waitFor(() => linesOf(gid).length > 0 && linesOf(gid));
        expect(line).toMatchObject({
          message: `Step refund-card of job ${gid} cannot begin in this process`,
          attempt: 1,
          nextAttemptInMs: 10_000,
          error: codecIsOn
            ? 'InvalidStepArgumentsError'
            : expect.stringMatching(/^InvalidStepArgumentsError: .*cents/),
        });
        expect(everything()).not.toContain(SECRET);
      } finally {
        await other.close();
      }
    });
  },
  { only: ['postgres', 'sqlite'], atDtm: ['sqlite'] },
);
