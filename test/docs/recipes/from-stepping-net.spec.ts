import { DataSource } from 'typeorm';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { recipe } from './recipe.js';
import { RecipeApplication } from './recipe-application.js';

const page = await recipe('from-stepping-net');

let running: RecipeApplication;
beforeEach(async () => {
  running = await RecipeApplication.start({
    entities: [page.Order, page.Basket],
    providers: [page.Checkout, page.CreateOrderStep, page.SendOrderCreatedEmailStep],
  });
});
afterEach(() => running.close());

it('creates the order exactly once, then sends the e-mail', async () => {
  await running.get(page.Checkout).close('b1', 'tea');
  running.stepping.crashAt('step:committed');
  await running.stepping.drain();
  await running.stepping.restart();
  await running.stepping.drain();
  expect(await running.app.get(DataSource).manager.find(page.Order)).toEqual([{ id: 'b1', product: 'tea' }]);
  await running.stepping.expectJob({ step: page.SendOrderCreatedEmailStep, status: 'succeeded' });
});

it('starts nothing when the transaction fails, and takes a job outside any', async () => {
  await running.get(page.Checkout).close('b1', 'tea');
  await expect(running.get(page.Checkout).close('b1', 'tea')).rejects.toThrow(/unique/i);
  expect(await running.stepping.jobs()).toHaveLength(1);
  await running.get(page.Checkout).sendAgain();
  expect(await running.stepping.jobs()).toHaveLength(2);
});
