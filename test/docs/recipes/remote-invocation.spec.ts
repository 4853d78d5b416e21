import { DataSource } from 'typeorm';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { recipe } from './recipe.js';
import { RecipeApplication } from './recipe-application.js';

const page = await recipe('remote-invocation');

let orders: RecipeApplication;
let invoices: RecipeApplication;

beforeEach(async () => {
  orders = await RecipeApplication.start({
    entities: [page.Order],
    providers: [page.Orders],
    stepping: { http: { secrets: (name: string) => `Bearer ${name}` } },
  });
  invoices = await RecipeApplication.start({
    entities: [page.Invoice],
    controllers: [page.InvoicesController],
  });
  process.env.INVOICES_URL = invoices.url;
});
afterEach(async () => {
  await orders.close();
  await invoices.close();
});

const made = (): Promise<unknown[]> => invoices.app.get(DataSource).getRepository(page.Invoice).find();

it('makes one invoice for each order, although the caller dies and asks again', async () => {
  const orderId = await orders.get(page.Orders).place(4200);
  orders.stepping.crashAt('step:executed');
  await orders.stepping.drain();
  expect(await made()).toHaveLength(1);
  await orders.stepping.restart();
  const { ran } = await orders.stepping.drain();
  expect(ran).toMatchObject([{ outcome: 'succeeded' }]);
  expect(await made()).toMatchObject([{ orderId, cents: 4200 }]);
});

it('asks again when the other service is back', async () => {
  const { url } = invoices;
  await invoices.close();
  await orders.get(page.Orders).place(100);
  await orders.stepping.drain();
  invoices = await RecipeApplication.start({
    entities: [page.Invoice],
    controllers: [page.InvoicesController],
    port: Number(new URL(url).port),
  });
  await orders.stepping.advance('1m');
  expect(await made()).toHaveLength(1);
});

it('refuses a request without a key', async () => {
  const response = await fetch(`${invoices.url}/invoices`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ orderId: 1, cents: 1 }),
  });
  expect(response.status).toBe(400);
});
