import { afterEach, expect, it } from 'vitest';
import { SteppingOperations } from '../../lib/index.js';
import { Ping, ReserveStock } from '../support/steps.js';
import { describePlaces } from './places.js';
import { TestedApplication } from './tested-application.js';

let app: TestedApplication | undefined;
afterEach(async () => {
  await app?.close();
  app = undefined;
});

describePlaces('a paused step under test', ({ store, backend }) => {
  it('does not run until it is resumed, or its time has passed', async () => {
    app = await TestedApplication.start({ store, backend });
    const operations = app.module.get(SteppingOperations);
    await operations.pause('ping', { reason: 'the provider is away' });
    const job = app.jobs.createJob().addStep(ReserveStock, { orderId: '1' }).addStep(Ping);
    await job.start();
    const ran = async (duration?: string) => {
      const { ran: reports } = await (duration === undefined
        ? app!.stepping.drain()
        : app!.stepping.advance(duration));
      return reports.map(({ step, attempt }) => `${step}#${attempt}`);
    };
    expect(await ran()).toEqual(['reserve-stock#1']);
    expect(await ran('1h')).toEqual([]);
    expect(await operations.resume('ping')).toBe(true);
    expect(await ran()).toEqual(['ping#1']);

    await operations.pause('ping', { reason: 'the provider is away', until: '10m' });
    await app.jobs.createJob().addStep(Ping).start();
    expect(await ran('9m')).toEqual([]);
    expect(await ran('2m')).toEqual(['ping#1']);
  });
});
