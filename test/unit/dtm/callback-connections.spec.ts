import { once } from 'node:events';
import { connect, createServer, type ClientHttp2Session, type Http2Server } from 'node:http2';
import { connect as connectTcp, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { CallbackConnections, type ConnectionLimits } from '../../../lib/tm/dtm/callback-connections.js';
import { waitFor } from '../../support/wait-for.js';

const ENDLESS = { stranger: 60_000, idle: 60_000, leaving: 50 };

let server: Http2Server;
let connections: CallbackConnections;
const clients: (Socket | ClientHttp2Session)[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await new Promise((closed) => server.close(closed));
});

/** A server that lets calls of `/in` in, and answers after the milliseconds in `x-wait`. */
async function listen(limits: ConnectionLimits): Promise<number> {
  server = createServer();
  connections = new CallbackConnections(limits);
  connections.watch(server);
  server.on('stream', (stream, headers) => {
    stream.on('error', () => undefined);
    setTimeout(
      () => {
        if (headers[':path'] === '/in') connections.letIn(stream.session);
        if (!stream.destroyed) stream.respond({ ':status': 204 }, { endStream: true });
      },
      Number(headers['x-wait'] ?? 0),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** A client that never leaves by itself. */
async function silent(port: number): Promise<Socket> {
  const socket = connectTcp({ port, host: '127.0.0.1', allowHalfOpen: true });
  clients.push(socket.on('error', () => undefined));
  await once(socket, 'connect');
  return socket;
}

async function session(port: number): Promise<ClientHttp2Session> {
  const client = connect(`http://127.0.0.1:${port}`);
  clients.push(client.on('error', () => undefined));
  await once(client, 'connect');
  return client;
}

async function call(client: ClientHttp2Session, path: string, wait = 0): Promise<unknown> {
  const request = client.request({ ':path': path, 'x-wait': String(wait) });
  const answered = once(request, 'response');
  request.resume();
  const [headers] = (await answered) as [{ ':status': unknown }];
  return headers[':status'];
}

const open = (): Promise<number> =>
  new Promise((resolve) => server.getConnections((_error, count) => resolve(count)));

it('nobody keeps a connection by saying nothing, by pinging, or by calls that are refused', async () => {
  const port = await listen({ ...ENDLESS, stranger: 300 });
  await silent(port);
  const pinging = await session(port);
  const refused = await session(port);
  const timer = setInterval(() => {
    if (!pinging.destroyed) pinging.ping(() => undefined);
    if (!refused.closed) void call(refused, '/out').catch(() => undefined);
  }, 50);
  try {
    expect(await open()).toBe(3);
    await waitFor(async () => (await open()) === 0, { message: 'the connections to be given up' });
  } finally {
    clearInterval(timer);
  }
});

it('whose call was let in keeps it, until it is idle', async () => {
  const port = await listen({ ...ENDLESS, stranger: 200, idle: 1500 });
  const client = await session(port);
  expect(await call(client, '/in')).toBe(204);
  await sleep(600);
  expect(await call(client, '/in')).toBe(204);
  await waitFor(async () => (await open()) === 0, { message: 'the idle connection to be closed' });
});

it('a call that is under way is answered', async () => {
  const port = await listen({ ...ENDLESS, stranger: 100 });
  expect(await call(await session(port), '/in', 600)).toBe(204);
  await waitFor(async () => (await open()) === 0, { message: 'the connection to be closed' });
});

it('of many, the oldest of which no call was let in is given up', async () => {
  const port = await listen({ ...ENDLESS, maxStrangers: 3 });
  const known = await session(port);
  expect(await call(known, '/in')).toBe(204);
  const [oldest] = [await silent(port), await silent(port), await silent(port)];
  expect(await open()).toBe(4);
  await silent(port);
  await waitFor(async () => (await open()) === 4, { message: 'one to be given up' });
  oldest.resume();
  await waitFor(() => oldest.readableEnded, { message: 'the end of the oldest one' });
  expect(await call(known, '/in')).toBe(204);
});
