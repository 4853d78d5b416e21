import { DistributedJobFactory, Step, UnrecoverableStepError } from 'nestjs-stepping';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { recipe } from './recipe.js';
import { RecipeApplication } from './recipe-application.js';

const page = await recipe('failed-jobs');

const charged: string[] = [];

@Step('charge')
class Charge {
  execute({ card }: { card: string }): void {
    if (card === 'expired') throw new UnrecoverableStepError('the card has expired');
    charged.push(card);
  }
}

@Step('ship')
class Ship {
  execute(): void {}
}

let running: RecipeApplication;

beforeEach(async () => {
  charged.length = 0;
  running = await RecipeApplication.start({ providers: [Charge, Ship, page.Repair] });
});
afterEach(() => running.close());

async function failedOrder(card = 'expired'): Promise<string> {
  const { gid } = await running.app
    .get(DistributedJobFactory)
    .createJob({ name: 'order', transaction: 'none' })
    .addStep(Charge, { card })
    .addStep(Ship)
    .start();
  await running.stepping.drain();
  return gid;
}

const repair = (): any => running.get(page.Repair);
const statuses = async (gid: string) => (await running.find(gid)).steps.map(({ status }) => status);

it('lists what has failed, and goes on where it failed', async () => {
  const { stepping } = running;
  stepping.failNext(Charge, new UnrecoverableStepError('the bank is away'));
  const gid = await failedOrder('good');
  expect(await repair().failed('charge')).toMatchObject([{ gid, error: expect.stringContaining('away') }]);
  expect(await repair().failed('ship')).toEqual([]);
  await repair().again(gid, 'ann');
  await stepping.drain();
  expect(await statuses(gid)).toEqual(['succeeded', 'succeeded']);
  expect(charged).toEqual(['good']);
});

it('goes on with other arguments', async () => {
  const { stepping } = running;
  const gid = await failedOrder();
  await repair().againWith(gid, { card: 'new' }, 'ann');
  await stepping.drain();
  expect(charged).toEqual(['new']);
  expect(await statuses(gid)).toEqual(['succeeded', 'succeeded']);
});

it('goes on without a step, and gives up', async () => {
  const { stepping, jobs } = running;
  const skipped = await failedOrder();
  const canceled = await failedOrder();
  await repair().doneByHand(skipped, 'ann');
  await repair().giveUp(canceled, 'ann');
  await stepping.drain();
  expect(await statuses(skipped)).toEqual(['skipped', 'succeeded']);
  expect((await running.find(canceled)).status).toBe('canceled');
  expect((await jobs.audit({ by: 'ann' })).entries.map(({ action }) => action)).toEqual(['cancel', 'skip']);
});

it('retries all, spread over ten minutes', async () => {
  const { stepping, jobs } = running;
  stepping.failNext(Charge, new UnrecoverableStepError('the bank is away'), 2);
  await failedOrder('good');
  await failedOrder('good');
  expect(await repair().allAgain('charge', 'ann')).toEqual({ matched: 2, changed: 2, more: false });
  await stepping.advance('10m');
  expect(await jobs.count({ status: 'succeeded' })).toMatchObject({ count: 2 });
});
