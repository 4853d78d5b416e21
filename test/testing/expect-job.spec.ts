import { Type } from 'class-transformer';
import { JobExpectationError, type ExpectedJob } from 'nestjs-stepping/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Step, StepNotFoundError, UnrecoverableStepError, type StepHandler } from '../../lib/index.js';
import { Ping, SendEmail } from '../support/steps.js';
import { TestedApplication } from './tested-application.js';

class Letter {
  to!: { name: string; town: string };
  lines!: string[];

  @Type(() => Date)
  at!: Date;
}

@Step({ name: 'post-letter', args: Letter })
class PostLetter implements StepHandler<Letter> {
  execute(_letter: Letter): void {}
}

const letter = Object.assign(new Letter(), {
  to: { name: 'Ada', town: 'London' },
  lines: ['Dear Ada'],
  at: new Date('2030-01-02T03:04:05Z'),
});

describe('expectJob()', () => {
  let app: TestedApplication;
  const messageOf = async (promise: Promise<unknown>): Promise<string> => {
    const error = await promise.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(JobExpectationError);
    return (error as Error).message;
  };

  beforeEach(async () => {
    app = await TestedApplication.start({ backend: 'sqlite', providers: [PostLetter] });
  });
  afterEach(() => app.close());

  it('finds a job by any of its steps, a part of the arguments, name, gid and status', async () => {
    const { gid } = await app.jobs
      .createJob({ name: 'post', gid: 'post-1' })
      .addStep(Ping)
      .addStep(PostLetter, letter)
      .start();
    const { stepping } = app;
    const same: ExpectedJob[] = [
      {},
      { step: Ping },
      { step: PostLetter },
      { step: PostLetter, args: {} },
      { step: PostLetter, args: { to: { town: 'London' } } },
      { step: PostLetter, args: letter },
      { step: 'post-letter', args: { lines: ['Dear Ada'] } },
      { args: { at: letter.at } },
      { name: 'post', gid: 'post-1', status: 'submitted' },
    ];
    for (const expected of same) {
      expect((await stepping.expectJob(expected)).gid).toBe(gid);
      await messageOf(stepping.expectNoJob(expected));
    }
    const others: ExpectedJob[] = [
      { step: SendEmail },
      { step: Ping, args: { to: {} } },
      { step: PostLetter, args: { to: { name: 'Bob' } } },
      { step: PostLetter, args: { lines: [] } },
      { step: PostLetter, args: { at: new Date(0) } },
      { name: 'other' },
      { gid: 'post-2' },
      { status: 'failed' },
      { step: 'elsewhere' },
    ];
    for (const expected of others) {
      await stepping.expectNoJob(expected);
      await messageOf(stepping.expectJob(expected));
    }
  });

  it('says when there are no jobs at all', async () => {
    expect(await messageOf(app.stepping.expectJob({ step: SendEmail, args: { orderId: '1' } })))
      .toMatchInlineSnapshot(`
      "Expected a job with the step 'send-email' and the arguments {"orderId":"1"}, but there is none.
      There are no jobs. Is start() called and awaited, and has its transaction committed?"
    `);
  });

  it('says what jobs there are', async () => {
    await app.jobs.createJob().addStep(SendEmail, { orderId: '2' }).start();
    app.stepping.failNext(SendEmail, new UnrecoverableStepError('mailbox full'));
    await app.stepping.drain();
    await app.dataSource
      .transaction(async () => {
        await app.jobs.createJob({ name: 'returned' }).addStep(Ping).start();
        throw new Error('no');
      })
      .catch(() => undefined);
    await app.jobs.createJob({ name: 'weekly' }).addStep(Ping).addStep('elsewhere').start();
    await app.stepping.drain();
    expect(await messageOf(app.stepping.expectJob({ step: SendEmail, args: { orderId: '1' } })))
      .toMatchInlineSnapshot(`
      "Expected a job with the step 'send-email' and the arguments {"orderId":"1"}, but there is none.
      The jobs, oldest first:
        failed: send-email {"orderId":"2"} [failed, attempt 1] (UnrecoverableStepError: mailbox full)
        rolledBack "returned": ping
        submitted "weekly": ping [succeeded, attempt 1], elsewhere"
    `);
    expect(await messageOf(app.stepping.expectNoJob({ name: 'weekly', status: 'submitted' })))
      .toMatchInlineSnapshot(`
      "Expected no job with the name 'weekly' and the status 'submitted', but there is.
      The jobs, oldest first:
        submitted "weekly": ping [succeeded, attempt 1], elsewhere"
    `);
  });

  it('takes a rolled-back job for none, unless that is what is asked for', async () => {
    await app.dataSource
      .transaction(async () => {
        await app.jobs.createJob().addStep(Ping).start();
        throw new Error('no');
      })
      .catch(() => undefined);
    await app.stepping.expectNoJob({ step: Ping });
    await app.stepping.expectJob({ step: Ping, status: 'rolledBack' });
  });

  it('refuses a class that is no step of the application', async () => {
    class Nothing {
      execute(): void {}
    }
    await expect(app.stepping.expectJob({ step: Nothing })).rejects.toThrow(/not decorated/);
    @Step('unprovided')
    class Unprovided {
      execute(): void {}
    }
    await expect(app.stepping.expectNoJob({ step: Unprovided })).rejects.toThrow(StepNotFoundError);
  });
});
