import { afterEach, beforeEach, expect, it } from 'vitest';
import { HttpTarget } from './http-target.js';
import { recipe } from './recipe.js';
import { RecipeApplication } from './recipe-application.js';

const page = await recipe('sms');

let provider: HttpTarget;
let running: RecipeApplication;

beforeEach(async () => {
  provider = new HttpTarget();
  process.env.SMS_URL = await provider.listen();
  process.env.SMS_TOKEN = 's3cret';
  running = await RecipeApplication.start({
    entities: [page.Parcel],
    providers: [page.SendSms, page.Parcels],
  });
});
afterEach(async () => {
  await running.close();
  await provider.close();
});

const hasArrived = (): Promise<string> => running.get(page.Parcels).hasArrived('+10000000000');

const keys = (): unknown[] => provider.requests.map(({ headers }) => headers['idempotency-key']);

it('sends the same key until it is answered', async () => {
  provider.answers.push('lost', 503, 429);
  const gid = await hasArrived();
  await running.stepping.drain();
  expect(keys()).toEqual([`${gid}:0`]);
  await running.stepping.advance('1m');
  expect(keys()).toEqual(Array(4).fill(`${gid}:0`));
  expect(provider.requests.at(-1)).toMatchObject({
    path: '/messages',
    headers: { authorization: 'Bearer s3cret' },
    body: JSON.stringify({ to: '+10000000000', text: 'Parcel 1 waits for you.' }),
  });
  expect((await running.find(gid)).status).toBe('succeeded');
});

it('sends the same key after a crash, and after retry()', async () => {
  provider.answers.push(422);
  const gid = await hasArrived();
  await running.stepping.drain();
  expect((await running.find(gid)).status).toBe('failed');

  await running.jobs.retry(gid);
  running.stepping.crashAt('step:executed');
  await running.stepping.drain();
  await running.stepping.restart();
  await running.stepping.drain();
  expect(keys()).toEqual(Array(3).fill(`${gid}:0`));
});

it.each([400, 404, 410, 422])('does not repeat what was refused with %i', async (status) => {
  provider.answers.push(status);
  const gid = await hasArrived();
  await running.stepping.advance('1h');
  expect(provider.requests).toHaveLength(1);
  expect(await running.find(gid)).toMatchObject({
    status: 'failed',
    error: expect.stringContaining(`${status}`),
  });
});

it('has given up after less than an hour', async () => {
  provider.answers.push(...Array(20).fill(500));
  const gid = await hasArrived();
  await running.stepping.advance('1h');
  expect(await running.find(gid)).toMatchObject({ status: 'failed', steps: [{ attempts: 12 }] });
});
