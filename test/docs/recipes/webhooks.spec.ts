import { createHmac } from 'node:crypto';
import type { SteppingModuleOptions } from 'nestjs-stepping';
import { DataSource } from 'typeorm';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { HttpTarget, type TargetRequest } from './http-target.js';
import { recipe } from './recipe.js';
import { RecipeApplication } from './recipe-application.js';

const page = await recipe('webhooks');

let targets: { server: HttpTarget; url: string }[];
let running: RecipeApplication | undefined;

beforeEach(async () => {
  targets = [];
  for (const name of ['a', 'b']) {
    const server = new HttpTarget();
    targets.push({ server, url: `${await server.listen()}/hooks/${name}` });
  }
});
afterEach(async () => {
  await running?.close();
  running = undefined;
  for (const { server } of targets) await server.close();
});

async function start(http: SteppingModuleOptions['http']): Promise<RecipeApplication> {
  running = await RecipeApplication.start({
    entities: [page.Subscription],
    providers: [page.DeliverWebhook, page.Webhooks],
    stepping: { http },
  });
  for (const [index, { url }] of targets.entries())
    await manager().insert(page.Subscription, { url, secret: `secret-${index}` });
  return running;
}

const manager = () => running!.app.get(DataSource).manager;

const publish = (): Promise<void> =>
  running!.app
    .get(DataSource)
    .transaction((transaction) =>
      running!.get(page.Webhooks).publish(transaction, 'order.paid', { order: 7 }),
    );

/** As a receiver checks it. */
function isSigned({ headers, body }: TargetRequest, secret: string): boolean {
  const signed = `${headers['webhook-id'] as string}.${headers['webhook-timestamp'] as string}.${body}`;
  const signature = createHmac('sha256', secret).update(signed).digest('base64');
  return headers['webhook-signature'] === `v1,${signature}`;
}

it('tells each subscriber, signed with its own secret; one that is down holds nobody back', async () => {
  const { stepping } = await start({ allowedHosts: ['127.0.0.1'] });
  const [down, up] = targets.map(({ server }) => server) as [HttpTarget, HttpTarget];
  down.answers.push('lost', 302, 500);
  await publish();
  await stepping.drain();
  expect(up.requests).toHaveLength(1);
  expect(isSigned(up.requests[0]!, 'secret-1')).toBe(true);
  expect(isSigned(up.requests[0]!, 'secret-0')).toBe(false);
  expect(JSON.parse(up.requests[0]!.body)).toMatchObject({ type: 'order.paid', data: { order: 7 } });
  expect(up.requests[0]!.headers['content-type']).toBe('application/json');

  await stepping.advance('10m');
  expect(down.requests).toHaveLength(4);
  expect(down.requests.every((request) => isSigned(request, 'secret-0'))).toBe(true);
  expect(new Set(down.requests.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
});

it('stores no secret', async () => {
  const { jobs } = await start({ allowedHosts: ['127.0.0.1'] });
  await publish();
  const stored = await jobs.list({ includeArgs: true });
  expect(stored.jobs).toHaveLength(2);
  expect(JSON.stringify(stored)).not.toContain('secret-');
});

it('tells nobody who has unsubscribed meanwhile', async () => {
  const { stepping } = await start({ allowedHosts: ['127.0.0.1'] });
  await publish();
  await manager().delete(page.Subscription, { url: targets[0]!.url });
  await stepping.drain();
  expect(targets.map(({ server }) => server.requests.length)).toEqual([0, 1]);
  expect((await stepping.jobs()).map(({ status }) => status)).toEqual(['succeeded', 'succeeded']);
});

it(`reaches no private address with allowedHosts: ['*']`, async () => {
  const { stepping } = await start({ allowedHosts: ['*'] });
  await publish();
  await stepping.drain();
  expect(targets.map(({ server }) => server.requests.length)).toEqual([0, 0]);
});

it('gives up after two days at most', async () => {
  const { stepping } = await start({ allowedHosts: ['127.0.0.1'] });
  targets[0]!.server.answers.push(...Array(100).fill(500));
  await publish();
  await stepping.advance('2d');
  await stepping.expectJob({ status: 'failed' });
  expect(targets[0]!.server.requests).toHaveLength(18);
});
