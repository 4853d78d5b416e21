import { afterEach, expect, it } from 'vitest';
import { aesGcmCodec, type PayloadCodec } from '../../lib/index.js';
import { testCodec } from '../support/codec.js';
import { Limited, SendEmail } from '../support/steps.js';
import { TestedApplication } from './tested-application.js';

let app: TestedApplication;
afterEach(() => app?.close());

it.each([{ store: 'memory' as const }, { store: 'typeorm' as const, backend: 'sqlite' as const }])(
  'jobs of an application with a codec are looked for, run and reported by what they were given: %j',
  async (place) => {
    app = await TestedApplication.start({ ...place, module: { codec: testCodec() } });
    const { gid } = await app.jobs.createJob().addStep(SendEmail, { orderId: '1' }).addStep(Limited).start();
    const found = await app.stepping.expectJob({ step: SendEmail, args: { orderId: '1' } });
    expect(found.gid).toBe(gid);
    await app.stepping.expectNoJob({ step: SendEmail, args: { orderId: '2' } });
    app.recording.onExecute = ({ step }) => {
      if (step === 'limited') throw new RangeError('out of order');
    };
    const { ran } = await app.stepping.drain();
    expect(ran[0]).toMatchObject({ step: 'send-email', args: { orderId: '1' }, outcome: 'succeeded' });
    const [job] = await app.stepping.jobs();
    expect(job!.error).toContain('RangeError: out of order');
    await app.stepping.advance('1m');
    expect(await app.admin.find(gid)).toMatchObject({
      status: 'failed',
      steps: [{ args: { orderId: '1' } }, {}],
    });
    expect(app.recording.of(gid)[0]!.args).toEqual({ orderId: '1' });
  },
);

it('an attempt whose arguments cannot be decoded is reported as unfit, and the job is kept', async () => {
  const known = testCodec();
  let broken = false;
  const codec: PayloadCodec = {
    encode: (text, context) => known.encode(text, context),
    decode: (text, context) =>
      broken
        ? aesGcmCodec({ keys: { k2: Buffer.alloc(32) }, current: 'k2' }).decode(text, context)
        : known.decode(text, context),
  };
  app = await TestedApplication.start({ module: { codec } });
  const { gid } = await app.jobs.createJob().addStep(SendEmail, { orderId: '1' }).start();
  broken = true;
  const { ran } = await app.stepping.drain();
  expect(ran).toMatchObject([{ outcome: 'unfit', args: undefined, attempt: 1 }]);
  expect((await app.admin.find(gid))!.steps[0]).toMatchObject({ attempts: 0, argsError: 'KEY_UNKNOWN' });
  broken = false;
  expect((await app.stepping.advance('10s')).ran).toMatchObject([{ outcome: 'succeeded', attempt: 1 }]);
});
