import { UnrecoverableStepError } from 'nestjs-stepping';
import { DataSource } from 'typeorm';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { recipe } from './recipe.js';
import { RecipeApplication } from './recipe-application.js';

const page = await recipe('one-job-or-several');

let running: RecipeApplication;

beforeEach(async () => {
  running = await RecipeApplication.start({
    entities: [page.Booking],
    providers: [page.ChargeCard, page.IssueTicket, page.SendBookingMail, page.Bookings],
  });
  running.stepping.failNext(page.SendBookingMail, new UnrecoverableStepError('no such address'));
});
afterEach(() => running.close());

const booking = (id: number): Promise<unknown> =>
  running.app.get(DataSource).manager.findOneByOrFail(page.Booking, { id });

it('a mail that cannot be sent does not hold back the ticket', async () => {
  const { id } = await running.get(page.Bookings).book('ada@example.org');
  await running.stepping.drain();
  expect(await booking(id)).toMatchObject({ charged: true, ticketed: true });
  await running.stepping.expectJob({ name: 'ticket', status: 'succeeded' });
  await running.stepping.expectJob({ name: 'booking-mail', status: 'failed' });
});

it('in one chain it does', async () => {
  const { id } = await running.get(page.Bookings).bookInOneChain('ada@example.org');
  await running.stepping.drain();
  expect(await booking(id)).toMatchObject({ charged: true, ticketed: false });
  await running.stepping.expectJob({ name: 'booking', status: 'failed' });
});
