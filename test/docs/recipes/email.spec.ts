import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { recipe } from './recipe.js';
import { RecipeApplication } from './recipe-application.js';

const page = await recipe('email');

/** What the server says to recipients, by the part before the @; to others it says yes. */
const refusals: Record<string, { code: number; times: number }> = {};
const received: { to: string; messageId: string }[] = [];

const server = new SMTPServer({
  disabledCommands: ['STARTTLS'],
  onAuth: ({ username, password }, _session, done) =>
    username === 'shop' && password === 'right' ? done(null, { user: 'shop' }) : done(new Error('wrong')),
  onRcptTo: ({ address }, _session, done) => {
    const refusal = refusals[address.split('@')[0]!];
    if (!refusal || refusal.times-- <= 0) return done();
    done(Object.assign(new Error('no'), { responseCode: refusal.code }));
  },
  onData: (stream, { envelope }, done) => {
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      const [, messageId = ''] = /^message-id: (.*)$/im.exec(Buffer.concat(chunks).toString()) ?? [];
      received.push({ to: envelope.rcptTo[0]!.address, messageId: messageId.trim() });
      done();
    });
  },
});

let running: RecipeApplication;

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  process.env.SMTP_HOST = '127.0.0.1';
  process.env.SMTP_PORT = String((server.server.address() as AddressInfo).port);
  process.env.SMTP_USER = 'shop';
});
afterAll(() => new Promise<void>((resolve) => server.close(resolve)));

beforeEach(async () => {
  process.env.SMTP_PASSWORD = 'right';
  received.length = 0;
  running = await start();
});
afterEach(() => running.close());

const start = (): Promise<RecipeApplication> =>
  RecipeApplication.start({ entities: [page.User], providers: [page.SendMail, page.SignUp] });

const register = (email: string): Promise<string> => running.get(page.SignUp).register(email);

it('sends the mail of a transaction that has committed, and none of one that has not', async () => {
  const gid = await register('ada@example.org');
  await expect(register('ada@example.org')).rejects.toThrow(/unique/i);
  await running.stepping.drain();
  expect(received).toEqual([{ to: 'ada@example.org', messageId: `<${gid}.0@shop.example>` }]);
  expect(await running.stepping.jobs()).toHaveLength(1);
});

it('tries again what is refused for now, as the same message', async () => {
  refusals.full = { code: 452, times: 2 };
  const gid = await register('full@example.org');
  const { ran } = await running.stepping.drain();
  expect(ran).toMatchObject([{ attempt: 1, outcome: 'failed' }]);
  expect(received).toEqual([]);
  await running.stepping.advance('10m');
  expect(received).toEqual([{ to: 'full@example.org', messageId: `<${gid}.0@shop.example>` }]);
  expect(await running.find(gid)).toMatchObject({ status: 'succeeded', steps: [{ attempts: 3 }] });
});

it('gives a mail up at once that is refused for good', async () => {
  refusals.gone = { code: 550, times: Infinity };
  const gid = await register('gone@example.org');
  await running.stepping.drain();
  expect(await running.find(gid)).toMatchObject({
    status: 'failed',
    error: expect.stringContaining('the mail was refused'),
    steps: [{ attempts: 1 }],
  });
});

it('goes on trying while the password is wrong', async () => {
  await running.close();
  process.env.SMTP_PASSWORD = 'wrong';
  running = await start();
  const gid = await register('ada@example.org');
  await running.stepping.drain();
  expect(await running.find(gid)).toMatchObject({
    status: 'submitted',
    error: expect.stringContaining('EAUTH'),
  });
});

it('sends it again with the same id after a crash', async () => {
  await register('ada@example.org');
  running.stepping.crashAt('step:executed');
  await running.stepping.drain();
  await running.stepping.restart();
  await running.stepping.drain();
  expect(received).toHaveLength(2);
  expect(received[0]).toEqual(received[1]);
});
