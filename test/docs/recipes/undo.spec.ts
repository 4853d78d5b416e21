import { DistributedJobFactory, Step, UnrecoverableStepError } from 'nestjs-stepping';
import { DataSource } from 'typeorm';
import { afterEach, expect, it, vi } from 'vitest';
import { waitFor } from '../../support/wait-for.js';
import { recipe } from './recipe.js';
import { RecipeApplication } from './recipe-application.js';

const page = await recipe('undo');

@Step('ship')
class Ship {
  execute(): void {
    throw new UnrecoverableStepError('no such address');
  }
}

let running: RecipeApplication;

async function start(): Promise<void> {
  running = await RecipeApplication.start({
    entities: [page.Refund],
    providers: [Ship, page.Refunds, page.RefundStep],
  });
}
afterEach(async () => {
  vi.restoreAllMocks();
  await running.close();
});

async function failedJob(name: string): Promise<string> {
  const { gid } = await running.app
    .get(DistributedJobFactory)
    .createJob({ name, transaction: 'none' })
    .addStep(Ship)
    .start();
  await running.stepping.drain();
  return gid;
}

const refunds = (): Promise<unknown> => running.app.get(DataSource).getRepository(page.Refund).find();

it('refunds an order that has failed, and nobody retries it', async () => {
  await start();
  const other = await failedJob('newsletter');
  const gid = await failedJob('order');
  await waitFor(async () => (await running.find(gid)).status === 'canceled');
  await running.stepping.drain();
  expect(await refunds()).toEqual([{ job: gid }]);
  expect((await running.find(other)).status).toBe('failed');
});

it('refunds it once, also when the event was lost', async () => {
  vi.spyOn(page.Refunds.prototype, 'failed').mockResolvedValue(undefined);
  await start();
  const gid = await failedJob('order');
  await running.stepping.drain();
  expect(await refunds()).toEqual([]);
  await running.get(page.Refunds).sweep();
  await running.get(page.Refunds).sweep();
  await running.stepping.drain();
  expect(await refunds()).toEqual([{ job: gid }]);
  expect((await running.find(gid)).status).toBe('canceled');
});
