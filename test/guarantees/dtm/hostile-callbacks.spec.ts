import { connect as connectHttp2 } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { gzipSync } from 'node:zlib';
import { Body, Controller, Post } from '@nestjs/common';
import { afterEach, describe, expect, it } from 'vitest';
import type { DtmOptions } from '../../../lib/tm/dtm/index.js';
import { CallbackApplication, frame } from '../../support/dtm/callback-application.js';
import { SECRET } from '../../support/dtm/dtm-place.js';
import { signedQuery, signedStep } from '../../support/dtm/signed.js';
import { logOf } from '../../support/log-lines.js';
import { waitFor } from '../../support/wait-for.js';

/** Statuses of HTTP, and codes of gRPC. */
const ANSWERS = {
  http: { success: 200, failure: 409, unauthenticated: 401, invalid: 400, tooLarge: 413, refused: 403 },
  grpc: { success: 0, failure: 10, unauthenticated: 16, invalid: 3, tooLarge: 8, refused: 7 },
} as const;
const PAYLOAD = { step: 'pay', requestTimeout: 30 };

let application: CallbackApplication;
afterEach(() => application.close());

describe.for(['http', 'grpc'] as const)('callbacks of DTM over %s', (protocol) => {
  const answers = ANSWERS[protocol];
  const start = async (options: Partial<DtmOptions> = {}) =>
    (application = await CallbackApplication.start(protocol, options));
  const ran = (mark: string) =>
    application.executed.filter(({ args }) => JSON.stringify(args).includes(mark)).length;
  const signed = (gid: string, more: object, branch = '01') =>
    signedStep(SECRET, gid, branch, { ...PAYLOAD, time: Date.now(), ...more });

  it('run a step for whoever can sign it, once', async () => {
    await start();
    const body = signed('made-elsewhere', { args: `ok-${protocol}` });
    expect(await application.step('made-elsewhere', '01', body)).toBe(answers.success);
    expect(await application.step('made-elsewhere', '01', body)).toBe(answers.success);
    expect(ran(`ok-${protocol}`)).toBe(1);
  });

  it('are refused before anything is parsed, however deep a body is', async () => {
    await start({ maxPayloadBytes: 4 * 1024 * 1024 });
    const depth = 1_900_000;
    const nested = `${'['.repeat(depth)}${']'.repeat(depth)}`;
    const unsigned = `{"step":"pay","requestTimeout":30,"args":${nested}}`;
    const lied = `{"signature":"${'A'.repeat(43)}","step":"pay","requestTimeout":30,"args":${nested}}`;
    for (const body of [unsigned, lied, nested]) {
      // A server that does not read on may cut the connection before its answer is read.
      expect([answers.unauthenticated, undefined]).toContain(await application.step('deep', '01', body));
    }
    expect(await application.step('deep', '01', unsigned.slice(0, 1000))).toBe(answers.unauthenticated);
  });

  it('are refused above maxPayloadBytes, and taken up to it', async () => {
    await start({ maxPayloadBytes: 300_000 });
    const most = signed('large', { args: 'x'.repeat(299_800 - 'large'.length) });
    expect(most.length).toBeGreaterThan(299_900);
    expect(most.length).toBeLessThanOrEqual(300_000);
    expect(await application.step('large', '01', most)).toBe(answers.success);
    const more = signed('large', { args: 'x'.repeat(300_000) });
    expect([answers.tooLarge, undefined]).toContain(await application.step('large', '01', more));
  });

  it('are not unpacked', async () => {
    await start();
    const packed = gzipSync(signed('packed', { args: `packed-${protocol}` }));
    const call = application.stepCall('packed', '01', packed);
    const headers = { ...call.headers, 'content-encoding': 'gzip', 'grpc-encoding': 'gzip' };
    expect([answers.unauthenticated, answers.invalid]).toContain(
      await application.send({ ...call, headers }),
    );
    expect(ran(`packed-${protocol}`)).toBe(0);
  });

  it('run no step of a transaction that was rolled back, whoever asks and when', async () => {
    await start();
    const gid = `rolled-back-${protocol}`;
    const database = { dataSource: 'default' };
    const young = signed(gid, { database, args: gid });
    expect([425, 9]).toContain(await application.step(gid, '01', young));
    const old = signed(gid, { database, time: Date.now() - 60_000, args: gid });
    for (let count = 0; count < 3; count++)
      expect(await application.step(gid, '01', old)).toBe(answers.refused);
    expect(ran(gid)).toBe(0);
    expect(logOf(gid).some(({ text }) => text.includes('its transaction was rolled back'))).toBe(true);
  });

  it('settle no transaction before queryPreparedAfter', async () => {
    await start();
    const gid = `early-${protocol}`;
    const query = { database: { dataSource: 'default' }, requestTimeout: 30, queryPreparedAfter: 9 };
    const rows = () =>
      application.dataSource.query<unknown[]>('SELECT reason FROM stepping_barrier WHERE gid LIKE ?', [
        `%${gid}%`,
      ]);
    for (const time of [Date.now(), Date.now() + 3000]) {
      expect([425, 9]).toContain(await application.query(gid, signedQuery(SECRET, gid, { ...query, time })));
    }
    expect(await rows()).toEqual([]);
    // A wrong clock of the process that started the job takes the protection away, and delays nothing.
    const ahead = signedQuery(SECRET, gid, { ...query, time: Date.now() + 3_600_000 });
    expect(await application.query(gid, ahead)).toBe(answers.failure);
    expect(await rows()).toHaveLength(1);
  });

  it('are answered after many large ones were refused on the same connection', async () => {
    await start();
    const large = JSON.stringify({ ...PAYLOAD, args: 'x'.repeat(300_000) });
    for (let round = 0; round < 10; round++) {
      await Promise.all(Array.from({ length: 20 }, () => application.step('large', '01', large)));
    }
    for (let count = 0; count < 8; count++) {
      const gid = `after-${protocol}-${count}`;
      expect(await application.step(gid, '01', signed(gid, { args: gid }))).toBe(answers.success);
    }
  });

  it('are logged at a bounded rate when they are refused', async () => {
    await start();
    const lines = () => logOf('refused').length;
    const before = lines();
    await Promise.all(
      Array.from({ length: 500 }, (_, at) => application.step(`flood-${at}`, '01', '{"a":1}')),
    );
    await waitFor(() => lines() > before);
    expect(lines() - before).toBeLessThanOrEqual(6);
    await application.app.close();
    const said = logOf('more callbacks were refused').at(-1)!.text;
    expect(Number(/\d+/.exec(said)![0])).toBeGreaterThan(400);
  });

  it('whose body never ends do not hold the end of the application', async () => {
    await start({ gracePeriod: '500ms' });
    const { port } = application;
    const path = application.stepCall('held', '01', '').path;
    const sockets = Array.from({ length: 5 }, () => {
      if (protocol === 'grpc') {
        const session = connectHttp2(`http://127.0.0.1:${port}`);
        session.on('error', () => undefined);
        const headers = {
          ...application.stepCall('held', '01', '').headers,
          'content-type': 'application/grpc',
        };
        // One that has no signature, one that is no call, and one that is answered and still goes on.
        const query = signedQuery(SECRET, 'held', { requestTimeout: 30, time: 1, queryPreparedAfter: 9 });
        const { headers: asked, path: asks } = application.queryCall('held', query);
        const calls = [
          [path, headers],
          [path, { 'content-type': 'application/grpc' }],
          [asks, { ...asked, 'content-type': 'application/grpc' }],
        ] as const;
        for (const [at, more] of calls) {
          const stream = session.request({ ':method': 'POST', ':path': at, ...more }, { endStream: false });
          stream.on('error', () => undefined).write(frame('{"signature":"').subarray(0, 9));
        }
        return session;
      }
      const socket = connectTcp(port, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.write(`POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{"signature":"`);
      return socket;
    });
    // Others are answered meanwhile.
    expect(await application.step('beside', '01', signed('beside', { args: 'beside' }))).toBe(
      answers.success,
    );
    const began = performance.now();
    await application.app.close();
    expect(performance.now() - began).toBeLessThan(5000);
    for (const socket of sockets) socket.destroy();
  });

  it('whose client never reads and never leaves do not hold the end of the application', async () => {
    await start({ gracePeriod: '500ms' });
    const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
    const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
    const begun = protocol === 'grpc' ? [preface.slice(0, 8), preface] : ['', 'POST / HT'];
    const sockets = begun.map((text) => {
      const socket = connectTcp({ port: application.port, host: '127.0.0.1', allowHalfOpen: true });
      socket.on('error', () => undefined);
      if (text.length > 0) socket.write(text);
      if (text === preface) socket.write(settings);
      return socket.pause();
    });
    // They are known to the server when a later connection is answered.
    expect(await application.step('later', '01', signed('later', { args: 'later' }))).toBe(answers.success);
    const began = performance.now();
    await application.app.close();
    expect(performance.now() - began).toBeLessThan(5000);
    for (const socket of sockets) socket.destroy();
  });
});

describe('the paths of callbacks over HTTP', () => {
  const query = (gid: string) => application.queryCall(gid, signedQuery(SECRET, gid, QUERY)).path;
  const QUERY = { requestTimeout: 30, time: Date.now(), queryPreparedAfter: 9 };

  it('are compared exactly', async () => {
    application = await CallbackApplication.start('http');
    const path = query('exact');
    expect(await application.send({ method: 'GET', path })).toBe(200);
    const step = application.stepCall('exact', '01', '').path;
    const variants = [path, step].flatMap((one) => [
      one.replace('/stepping', '/Stepping'),
      one.replace('/stepping', '/STEPPING'),
      one.replace('/stepping', '//stepping'),
      one.replace('/stepping', '/%73tepping'),
      one.replace('/stepping', '/./stepping'),
      one.replace('?', '/?'),
      one.replace('?', ';a=b?'),
      one.replace('query-prepared', 'Query-Prepared').replace('/step?', '/Step?'),
    ]);
    for (const variant of variants) {
      for (const method of ['GET', 'POST']) {
        expect(await application.send({ method, path: variant }), `${method} ${variant}`).toBe(404);
      }
    }
  });

  it('know one method each, so that nobody decides by HEAD', async () => {
    application = await CallbackApplication.start('http');
    for (const method of ['HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
      expect(await application.send({ method, path: query('methods') }), method).toBe(405);
    }
    for (const method of ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
      const { path } = application.stepCall('methods', '01', '');
      expect(await application.send({ method, path }), method).toBe(405);
    }
  });

  it('are below the global prefix, unless that leaves them out', async () => {
    application = await CallbackApplication.start('http', {}, (app) => app.setGlobalPrefix('api'));
    expect(await application.send({ method: 'GET', path: `/api${query('prefix')}` })).toBe(200);
    expect(await application.send({ method: 'GET', path: query('prefix') })).toBe(404);
    await application.close();
    application = await CallbackApplication.start('http', { callbackPath: 'jobs/dtm' }, (app) =>
      app.setGlobalPrefix('/api/', { exclude: ['jobs/{*any}'] }),
    );
    const path = query('prefix').replace('/stepping/', '/jobs/dtm/');
    expect(await application.send({ method: 'GET', path })).toBe(200);
  });

  it('leave the other routes as they were', async () => {
    @Controller('stepping')
    class Echo {
      @Post('steps')
      echo(@Body() body: unknown): unknown {
        return body;
      }
    }
    application = await CallbackApplication.start('http', {}, undefined, [Echo]);
    const response = await fetch(`http://127.0.0.1:${application.port}/stepping/steps`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"a":[1]}',
    });
    expect(await response.json()).toEqual({ a: [1] });
  });

  it('are answered in front of the guards of the application', async () => {
    application = await CallbackApplication.start('http', {}, (app) =>
      app.useGlobalGuards({ canActivate: () => false }),
    );
    expect(await application.send({ method: 'GET', path: query('guarded') })).toBe(200);
  });
});
