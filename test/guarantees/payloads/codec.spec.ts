import { Type } from 'class-transformer';
import { IsInt } from 'class-validator';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import {
  DuplicateGidError,
  InvalidStepArgumentsError,
  MAX_JOB_BYTES,
  PayloadCodecError,
  SteppingModule,
  Step,
  StepArgumentsTooLargeError,
  tenantTransaction,
  type PayloadCodec,
  type PayloadContext,
  type StepContext,
  type StepHandler,
} from '../../../lib/index.js';
import { TestApplication } from '../../support/application.js';
import { Order } from '../../support/order.entity.js';
import { Databases, describeManagers, isAtDtm } from '../../support/placements.js';
import { Recording } from '../../support/recording.js';
import { Limited, Ping, SendEmail, WriteEffect } from '../../support/steps.js';
import { waitFor } from '../../support/wait-for.js';

class Price {
  @IsInt()
  cents!: number;
  @Type(() => Date)
  placedAt?: Date;
}

@Step({ name: 'charge', args: Price })
class Charge implements StepHandler<Price> {
  constructor(private readonly recording: Recording) {}
  async execute(price: Price, context: StepContext): Promise<void> {
    await this.recording.note('charge', price, context);
  }
}

/** Has less time than a codec may take. */
@Step({ name: 'quick', timeout: '1s', retry: { maxAttempts: 1 } })
class Quick implements StepHandler<Price> {
  constructor(private readonly recording: Recording) {}
  async execute(price: Price, context: StepContext): Promise<void> {
    await this.recording.note('quick', price, context);
  }
}

/** A codec as users write them: every answer takes a moment, and characters beyond ASCII come out. */
class SlowCodec implements PayloadCodec {
  readonly encoded: PayloadContext[] = [];
  readonly decoded: PayloadContext[] = [];
  /** What happens before an answer. */
  before: (operation: 'encode' | 'decode', text: string) => unknown = () => undefined;

  async encode(text: string, context: PayloadContext): Promise<string> {
    this.encoded.push(context);
    await new Promise((resolve) => setTimeout(resolve, 5));
    await this.before('encode', text);
    // No two texts are the same, as with every good cipher.
    return `☂${placeOf(context)}☂${Buffer.from(text).toString('hex')}☂${this.encoded.length}`;
  }

  async decode(text: string, context: PayloadContext): Promise<string> {
    this.decoded.push(context);
    await new Promise((resolve) => setTimeout(resolve, 5));
    await this.before('decode', text);
    const [, place, hex] = text.split('☂');
    if (place !== placeOf(context)) throw new Error(`it is of ${place}`);
    return Buffer.from(hex!, 'hex').toString();
  }
}

const placeOf = ({ gid, stepIndex, purpose, tenant = '' }: PayloadContext): string =>
  [gid, stepIndex, purpose, tenant].join('/');

const never = (): Promise<never> => new Promise(() => undefined);

describeManagers('a codec of the user', (backend, placement) => {
  const atDtm = isAtDtm(placement);
  const codec = new SlowCodec();
  let databases: Databases;
  let app: TestApplication;

  beforeAll(async () => {
    databases = await Databases.create(backend, placement);
    app = await TestApplication.start(databases, { module: { codec }, providers: [Charge, Quick] });
  });
  afterAll(async () => {
    await app?.close();
    await databases?.drop();
  });

  it('works in a transaction, after it and for every kind of step', async () => {
    const placedAt = new Date('2026-01-02T03:04:05.678Z');
    const job = app.jobs
      .createJob()
      .addStep(Charge, { cents: 5, placedAt })
      .addStep(Ping)
      .addStep(WriteEffect, { orderId: 'ü' });
    await app.dataSource.transaction(async (manager) => {
      await manager.insert(Order, { id: job.gid });
      await job.start();
    });
    const ended = await app.ended(job.gid);
    expect(ended).toMatchObject({ status: 'succeeded', error: null });
    expect(ended.steps.map(({ args }) => args ?? null)).toEqual([
      { cents: 5, placedAt: placedAt.toISOString() },
      null,
      { orderId: 'ü' },
    ]);
    expect(app.recording.trace(job.gid)).toEqual(['charge#1', 'ping#1', 'write-effect#1']);
    expect(app.recording.of(job.gid)[0]!.args).toBeInstanceOf(Price);
    const args = (stepIndex: number) => ({ gid: job.gid, stepIndex, purpose: 'args' });
    expect(codec.encoded.filter(({ gid }) => gid === job.gid)).toEqual([args(0), args(2)]);
  });

  it('leaves a job out that is rolled back', async () => {
    const job = app.jobs.createJob().addStep(SendEmail, { orderId: '1' });
    const failing = app.dataSource.transaction(async () => {
      await job.start();
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    await waitFor(async () => ['rolledBack', undefined].includes((await app.admin.find(job.gid))?.status));
    expect(app.recording.of(job.gid)).toEqual([]);
  });

  it('gets the tenant with the text, whenever it is asked', async () => {
    const job = await app.dataSource.transaction(async (manager) => {
      const started = app.jobs
        .createJob({ transaction: tenantTransaction(manager, 'acme') })
        .addStep(SendEmail, { orderId: '1' });
      await started.start();
      return started;
    });
    expect((await app.ended(job.gid)).steps[0]!.args).toEqual({ orderId: '1' });
    const contexts = [...codec.encoded, ...codec.decoded].filter(({ gid }) => gid === job.gid);
    expect(contexts.length).toBeGreaterThan(1);
    for (const context of contexts) expect(context).toMatchObject({ tenant: 'acme' });
  });

  it('is not asked before arguments are valid, nor trusted to give valid ones back', async () => {
    expect(() => app.jobs.createJob().addStep(Charge, { cents: 0.5 })).toThrow(InvalidStepArgumentsError);
    expect(() => app.jobs.createJob().addStep(SendEmail, { orderId: 1n as never })).toThrow(
      InvalidStepArgumentsError,
    );
  });

  it('compares a repeated start by what was encoded', async () => {
    const gid = 'repeated';
    const start = (orderId: string, step = SendEmail) =>
      app.jobs.createJob({ gid, transaction: 'none' }).addStep(step, { orderId }).start();
    await start('1');
    await app.ended(gid);
    await expect(start('1')).resolves.toMatchObject({ gid });
    await expect(start('2')).rejects.toBeInstanceOf(DuplicateGidError);
    const within = (orderId: string) =>
      app.dataSource.transaction(() => app.jobs.createJob({ gid }).addStep(SendEmail, { orderId }).start());
    await within('1');
    await expect(within('2')).rejects.toBeInstanceOf(DuplicateGidError);
    expect(app.recording.trace(gid)).toEqual(['send-email#1']);
  });

  it('makes a job larger, which counts', async () => {
    const job = app.jobs.createJob().addStep(SendEmail, { orderId: 'x'.repeat(MAX_JOB_BYTES * 0.6) });
    await expect(app.dataSource.transaction(() => job.start())).rejects.toBeInstanceOf(
      StepArgumentsTooLargeError,
    );
    expect(await app.admin.find(job.gid)).toBeNull();
  });

  it.each<[string, () => unknown, string]>([
    ['throws', () => Promise.reject(new TypeError('no luck with 4111')), 'it has thrown (TypeError)'],
    ['answers nothing', () => undefined, 'of type undefined'],
  ])('that %s starts no job, and the error says so', async (_, answer, text) => {
    const encode = vi.spyOn(codec, 'encode').mockImplementation(answer as never);
    const job = app.jobs.createJob().addStep(SendEmail, { orderId: '1' });
    const error = (await app.dataSource
      .transaction(() => job.start())
      .catch((thrown: unknown) => thrown)) as PayloadCodecError;
    encode.mockRestore();
    expect(error).toBeInstanceOf(PayloadCodecError);
    expect(error.message).toContain(text);
    expect(error.message).not.toContain('4111');
    expect(await app.admin.find(job.gid)).toBeNull();
    const alone = app.jobs.createJob({ transaction: 'none' }).addStep(SendEmail, { orderId: '1' });
    expect((await alone.start(), await app.ended(alone.gid)).status).toBe('succeeded');
  });

  it('that never settles fails the start in bounded time', async () => {
    codec.before = never;
    const job = app.jobs.createJob().addStep(SendEmail, { orderId: '1' });
    const start = app.dataSource.transaction(() => job.start());
    await expect(start).rejects.toThrow('it has not settled within');
    codec.before = () => undefined;
    expect(await app.admin.find(job.gid)).toBeNull();
  });

  it('that never settles for a stored job loses neither the job nor an attempt', async () => {
    let asked = 0;
    codec.before = (operation) => (operation === 'decode' && (asked += 1) === 1 ? never() : undefined);
    const { gid } = await app.jobs.createJob({ transaction: 'none' }).addStep(Quick, { cents: 1 }).start();
    const ended = await app.ended(gid);
    codec.before = () => undefined;
    expect(ended.steps[0]).toMatchObject({ status: 'succeeded', attempts: 1 });
    expect(app.recording.trace(gid)).toEqual(['quick#1']);
    expect(asked).toBeGreaterThan(1);
  });

  if (!atDtm) {
    it('that cannot encode the text of an error loses nothing but the text', async () => {
      codec.before = (operation, text) => {
        if (operation === 'encode' && text.includes('down')) throw new Error('no luck with down');
      };
      app.recording.onExecute = () => {
        throw new RangeError('down');
      };
      const { gid } = await app.jobs.createJob({ transaction: 'none' }).addStep(Limited).start();
      const ended = await app.ended(gid);
      codec.before = () => undefined;
      app.recording.onExecute = () => undefined;
      expect(ended.status).toBe('failed');
      expect(ended.error).toMatch(/^RangeError; its text cannot be encoded: .*it has thrown \(Error\)/);
      expect(app.recording.trace(gid)).toEqual(['limited#1', 'limited#2', 'limited#3']);
    });

    it('gives the texts of errors back, also to the hook of failed jobs', async () => {
      app.recording.onExecute = () => {
        throw new RangeError('schließlich am Ende ☠');
      };
      const { gid } = await app.jobs
        .createJob({ transaction: 'none' })
        .addStep(Ping)
        .addStep(Limited)
        .start();
      await waitFor(async () => (await app.admin.find(gid))?.error);
      app.recording.onExecute = ({ step }) => {
        if (step === 'limited') throw new RangeError('schließlich am Ende ☠');
      };
      const ended = await app.ended(gid);
      app.recording.onExecute = () => undefined;
      expect(ended).toMatchObject({
        status: 'failed',
        steps: [{ status: 'succeeded' }, { status: 'failed' }],
      });
      expect(ended.error).toContain('RangeError: schließlich am Ende ☠');
      const { jobs } = await app.admin.list({ status: 'failed' });
      expect(jobs.find((job) => job.gid === gid)?.error).toBe(ended.error);
      const errors = codec.encoded.filter((context) => context.gid === gid);
      expect(errors.at(-1)).toEqual({ gid, stepIndex: 1, purpose: 'error' });
    });
  }
});

it.each<[string, unknown]>([
  ['a function', () => undefined],
  ['an object without decode', { encode: () => '' }],
  ['a load that is no function', { encode: () => '', decode: () => '', load: true }],
  ['null', null],
])('%s is no codec', (_, codec) => {
  expect(() => SteppingModule.forRoot({ codec: codec as never })).toThrow(/Invalid option 'codec'/);
});
