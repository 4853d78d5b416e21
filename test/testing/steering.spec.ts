import { afterEach, expect, it } from 'vitest';
import { UnrecoverableStepError } from '../../lib/index.js';
import { Ping, ReserveStock, SendEmail } from '../support/steps.js';
import { describePlaces } from './places.js';
import { TestedApplication } from './tested-application.js';

const NOTE = { reason: 'a test', by: 'me' };

let app: TestedApplication | undefined;
afterEach(async () => {
  await app?.close();
  app = undefined;
});

describePlaces('steering jobs under test', ({ store, backend }) => {
  it('skips, edits and retries them as in production', async () => {
    app = await TestedApplication.start({ store, backend });
    const { stepping, admin } = app;
    stepping.failNext(ReserveStock, new UnrecoverableStepError('sold out'));
    stepping.failNext(SendEmail, new UnrecoverableStepError('no such address'));
    const { gid } = await app.jobs
      .createJob({ transaction: 'none' })
      .addStep(ReserveStock, { orderId: '1' })
      .addStep(SendEmail, { orderId: '1' })
      .start();
    await stepping.drain();
    expect(await admin.count({ failing: true })).toEqual({ count: 1, more: false });
    await admin.skip(gid, { step: 0, ...NOTE });
    await stepping.drain();
    await admin.retry(gid, { args: { orderId: '2' }, ...NOTE });
    await stepping.drain();
    const job = (await admin.find(gid))!;
    expect(job.steps.map(({ status }) => status)).toEqual(['skipped', 'succeeded']);
    expect(job.steps[1]!.args).toEqual({ orderId: '2' });
    expect((await admin.audit({ gid })).entries.map(({ action }) => action)).toEqual(['edit', 'skip']);
  });

  it('retries many of them, each when its time has come', async () => {
    app = await TestedApplication.start({ store, backend });
    const { stepping, admin } = app;
    stepping.failNext(Ping, new UnrecoverableStepError('down'), 3);
    for (let index = 0; index < 3; index += 1) {
      await app.jobs.createJob({ transaction: 'none' }).addStep(Ping).start();
    }
    await stepping.drain();
    expect(await admin.retryAll({}, { ...NOTE, spread: '1h' })).toEqual({
      matched: 3,
      changed: 3,
      more: false,
    });
    const succeeded = async () => (await admin.count({ status: 'succeeded' })).count;
    await stepping.drain();
    expect(await succeeded()).toBe(1);
    await stepping.advance('30m');
    expect(await succeeded()).toBe(2);
    await stepping.advance('30m');
    expect(await succeeded()).toBe(3);
  });
});
