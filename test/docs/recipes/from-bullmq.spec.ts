import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { recipe } from './recipe.js';
import { RecipeApplication } from './recipe-application.js';

const page = await recipe('from-bullmq');

const sendInvoice = vi.fn<(orderId: number, id: string) => Promise<void>>();

let running: RecipeApplication;
beforeEach(async () => {
  sendInvoice.mockReset();
  running = await RecipeApplication.start({
    entities: [page.Order],
    providers: [page.Orders, page.SendInvoice, { provide: page.Mails, useValue: { sendInvoice } }],
  });
});
afterEach(() => running.close());

it('sends the invoice of an order that was committed', async () => {
  const id = await running.get(page.Orders).place('tea');
  await running.stepping.drain();
  const { gid } = await running.stepping.expectJob({ step: 'invoice', args: { orderId: id } });
  expect(sendInvoice.mock.calls).toEqual([[id, `${gid}:0`]]);
});

it('makes five attempts', async () => {
  sendInvoice.mockRejectedValue(new Error('smtp down'));
  await running.get(page.Orders).place('tea');
  await running.stepping.advance('1m');
  expect(sendInvoice).toHaveBeenCalledTimes(5);
  await running.stepping.expectJob({ status: 'failed' });
});
