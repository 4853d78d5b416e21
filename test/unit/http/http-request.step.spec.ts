import { Agent, createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ArgumentsValidator } from '../../../lib/core/steps/arguments-validator.js';
import type { HttpRequestArguments } from '../../../lib/core/http/http-request.arguments.js';
import { readHttpOptions, type HttpOptions } from '../../../lib/core/http/http-options.js';
import { HttpRequestStep } from '../../../lib/core/http/http-request.step.js';
import { StepArgumentsSerializer } from '../../../lib/core/steps/step-arguments.serializer.js';
import { createStepContext } from '../../../lib/core/steps/step-context.js';
import { StepStop } from '../../../lib/core/steps/step-context.js';
import { stepMetadataOf } from '../../../lib/core/steps/step.decorator.js';
import { HttpRequestError, InvalidStepArgumentsError, LeaseLostError } from '../../../lib/errors/index.js';

interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

let server: Server;
let origin: string;
let received: Received[] = [];
let answer: (response: ServerResponse, request: Received) => void;

beforeAll(async () => {
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      received.push({ method: request.method!, path: request.url!, headers: request.headers, body });
      answer(response, received.at(-1)!);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(() => {
  received = [];
});

afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

function status(code: number): void {
  answer = (response) => response.writeHead(code).end(code === 204 ? undefined : 'x'.repeat(100_000));
}

function send(args: HttpRequestArguments, stop = new StepStop(), options?: HttpOptions): Promise<void> {
  const context = createStepContext({ gid: 'g1', stepIndex: 1, stepName: 'http', attempt: 1, stop });
  return new HttpRequestStep(readHttpOptions(options)).execute(args, context);
}

async function failure(
  args: HttpRequestArguments,
  stop?: StepStop,
  options?: HttpOptions,
): Promise<HttpRequestError> {
  const error: unknown = await send(args, stop, options).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(HttpRequestError);
  return error as HttpRequestError;
}

describe('HttpRequestStep', () => {
  it('sends what it is told, with the idempotency key', async () => {
    status(200);
    await send({ url: `${origin}/orders?a=1`, headers: { 'X-Tenant': 't1' }, body: { id: 5 } });
    await send({ url: `${origin}/orders/5` });
    await send({ url: `${origin}/orders/5`, method: 'patch', body: 'text' });
    expect(received.map(({ method, path, body }) => [method, path, body])).toEqual([
      ['POST', '/orders?a=1', '{"id":5}'],
      ['GET', '/orders/5', ''],
      ['PATCH', '/orders/5', 'text'],
    ]);
    expect(received[0]!.headers).toMatchObject({
      'x-tenant': 't1',
      'idempotency-key': 'g1:1',
      'content-type': 'application/json',
    });
    expect(received[2]!.headers['content-type']).toMatch(/^text\/plain/);
  });

  it('lets the caller set the headers that it would set', async () => {
    status(200);
    const headers = { 'idempotency-key': 'mine', 'CONTENT-TYPE': 'application/vnd.api+json' };
    await send({ url: origin, headers, body: [1] });
    expect(received[0]!.headers).toMatchObject({
      'idempotency-key': 'mine',
      'content-type': 'application/vnd.api+json',
    });
  });

  it.each([
    [null, 'null'],
    [false, 'false'],
    [0, '0'],
    ['', ''],
  ])('sends the body %j as %j', async (body, text) => {
    status(200);
    await send({ url: origin, body });
    expect(received[0]).toMatchObject({ method: 'POST', body: text });
  });

  it.each([200, 201, 202, 204, 206, 299])('takes %d for a success', async (code) => {
    status(code);
    await expect(send({ url: origin })).resolves.toBeUndefined();
  });

  it('does not wait for a body that it does not read, nor keep its connection', async () => {
    let gone = false;
    answer = (response) => {
      response.on('close', () => (gone = true));
      response.writeHead(200).write('the first of many lines');
    };
    await send({ url: origin });
    await expect.poll(() => gone).toBe(true);
  });

  it.each([304, 400, 404, 409, 429, 500, 503])('throws at %d, without telling secrets', async (code) => {
    answer = (response, { body, path, headers }) =>
      response
        .writeHead(code)
        .end(`cannot ${path} with ${headers['x-key'] as string}, sent by ${body.length}`);
    const args = {
      url: `${origin}/pay/AAH-S3cret?token=hunter2#hunter2`,
      headers: { 'x-key': 'Bearer hunter2' },
      body: 'hunter2',
    };
    const error = await failure({ ...args, method: 'put' });
    const { host } = new URL(origin);
    expect(error).toMatchObject({ method: 'PUT', target: `${host}/pay/***`, status: code });
    expect(error.message).toContain(`PUT ${host}/pay/*** failed: status ${code}.`);
    if (code !== 304) {
      expect(error.answer).toBe('cannot /pay/***?*** with ***, sent by 7');
      expect(error.message).toContain(error.answer);
    }
    expect(inspect(error, { depth: 10 })).not.toMatch(/hunter2|S3cret/);
  });

  it('tells 500 characters of the answer, in one line, and reads no more than it has to', async () => {
    let open = true;
    answer = (response) => {
      response.on('close', () => (open = false));
      response.writeHead(500).write('\u001b[31mno\n[Nest] 1 - ERROR forged\n');
      const more = () => open && response.write('x'.repeat(64 * 1024), more);
      more();
    };
    const error = await failure({ url: origin });
    expect(error.answer).toHaveLength(500);
    expect(error.message).toContain('\\u{1b}[31mno\\n[Nest] 1 - ERROR forged\\nxxx');
    expect(error.message).not.toMatch(/\p{Cc}/u);
    await expect.poll(() => open).toBe(false);
  });

  it('does not unpack what it has not asked for', async () => {
    const bomb = gzipSync(Buffer.alloc(50 * 2 ** 20));
    answer = (response, { headers }) =>
      response.writeHead(500, { 'content-encoding': headers['accept-encoding'] ?? 'gzip' }).end(bomb);
    const error = await failure({ url: origin });
    expect(received[0]!.headers['accept-encoding']).toBeUndefined();
    expect(error).toMatchObject({ status: 500, answer: '' });
  });

  it('tells the status although the answer comes to no end', async () => {
    answer = (response) => response.writeHead(503).write('soon');
    const error = await failure({ url: origin, timeout: 200 });
    expect(error).toMatchObject({ status: 503, answer: 'soon' });
  });

  it('names the network problem', async () => {
    const closed = createTcpServer();
    await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
    const { port } = closed.address() as AddressInfo;
    await new Promise((resolve) => closed.close(resolve));
    const error = await failure({ url: `http://127.0.0.1:${port}/x?token=hunter2` });
    expect(error.message).toBe(`GET 127.0.0.1:${port}/x failed: ECONNREFUSED.`);
    expect(error.status).toBeUndefined();
    expect(error.cause).toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('gives up after its time-out, and leaves the server alone', async () => {
    let gone = false;
    answer = (response) => response.on('close', () => (gone = true));
    const error = await failure({ url: `${origin}/slow`, timeout: '50ms' });
    expect(error.message).toContain('no answer within 50 ms');
    await expect.poll(() => gone).toBe(true);
  });

  it('ends with the reason of the signal', async () => {
    const stop = new StepStop();
    const reason = new LeaseLostError('g1');
    answer = () => stop.request(reason);
    await expect(send({ url: `${origin}/slow` }, stop)).rejects.toBe(reason);
    const before = received.length;
    await expect(send({ url: origin }, stop)).rejects.toBe(reason);
    expect(received).toHaveLength(before);
  });

  it('leaves no timer behind', async () => {
    const timers = (): number => process.getActiveResourcesInfo().filter((each) => each === 'Timeout').length;
    status(200);
    await send({ url: origin });
    const before = timers();
    for (let count = 0; count < 5; count++) await send({ url: origin, timeout: '1h' });
    expect(timers()).toBeLessThan(before + 5);
  });
});

describe('a redirect', () => {
  const to = (code: number, location: string) => {
    answer = (response, { path }) => {
      if (path.startsWith('/new')) response.writeHead(200).end();
      else response.writeHead(code, { location }).end();
    };
  };
  const sent = () => received.map(({ method, path, body }) => `${method} ${path} ${body}`);

  it.each([301, 302, 303, 307, 308])('is a failed attempt that names where %d points', async (code) => {
    to(code, '/new/eyJhbGciOiJIUzI1NiJ9?token=hunter2');
    for (const args of [{ url: `${origin}/old`, body: 'x' }, { url: `${origin}/old` }]) {
      const error = await failure(args);
      expect(error.status).toBe(code);
      expect(error.message).toContain(`a redirect to ${new URL(origin).host}/new/***.`);
    }
    expect(sent()).toEqual(['POST /old x', 'GET /old ']);
  });

  it.each([307, 308])('is followed after %d with method, body and headers, when it may be', async (code) => {
    to(code, 'new');
    const headers = { authorization: 'Bearer hunter2' };
    await send({ url: `${origin}/old`, method: 'PUT', body: 'x', headers, redirect: 'follow' });
    expect(sent()).toEqual(['PUT /old x', 'PUT /new x']);
    for (const { headers: seen } of received) {
      expect(seen).toMatchObject({ ...headers, 'idempotency-key': 'g1:1' });
    }
  });

  it.each([301, 302, 303])('never turns a POST into an empty GET: %d', async (code) => {
    to(code, '/new');
    const error = await failure({ url: `${origin}/old`, body: 'x', redirect: 'follow' });
    expect(error.message).toContain('which would turn POST into GET');
    expect(sent()).toEqual(['POST /old x']);
  });

  it.each([301, 302, 303, 307, 308])('is followed after %d with GET and HEAD', async (code) => {
    to(code, '/new?a=1');
    await send({ url: `${origin}/old`, redirect: 'follow' });
    await send({ url: `${origin}/old`, method: 'HEAD', redirect: 'follow' });
    expect(sent()).toEqual(['GET /old ', 'GET /new?a=1 ', 'HEAD /old ', 'HEAD /new?a=1 ']);
  });

  it.each([
    ['another host', (host: string) => `http://localhost:${host.split(':')[1]}/new`],
    ['another port', () => 'http://127.0.0.1:1/new'],
    ['another scheme', (host: string) => `https://${host}/new`],
    ['another host without a scheme', () => '//example.org/new'],
    ['no URL', () => 'http://[/'],
    ['what is no HTTP', () => 'file:///etc/passwd'],
  ])('is not followed to %s', async (_, location) => {
    to(307, location(new URL(origin).host));
    const error = await failure({ url: `${origin}/old`, body: 'x', redirect: 'follow' });
    expect(error.message).toMatch(/another origin|to nowhere/);
    expect(sent()).toEqual(['POST /old x']);
  });

  it('is followed five times', async () => {
    to(307, '/old');
    const error = await failure({ url: `${origin}/old`, redirect: 'follow' });
    expect(error.message).toContain('after 5 others');
    expect(received).toHaveLength(6);
  });
});

describe('a header with a secret', () => {
  const args = { headers: { Authorization: { secret: 'PARTNER' } } };

  it('is not told when the server has taken it apart', async () => {
    const pair = 'shop:hunter2';
    const secrets = () => `Basic ${Buffer.from(pair).toString('base64')}`;
    answer = (response) => response.writeHead(401).end(`${pair} or hunter2 is wrong`);
    const error = await failure({ url: origin, ...args }, undefined, { secrets });
    expect(error.answer).toBe('*** or *** is wrong');
  });

  const token = 'abc/def+ghi"JKL\\mno&123==';
  it.each([
    ['as JSON', JSON.stringify(token)],
    ['as JSON with escaped slashes', JSON.stringify(token).replaceAll('/', '\\/')],
    ['as JSON in ASCII', token.replace(/\W/g, (sign) => `\\u00${sign.charCodeAt(0).toString(16)}`)],
    ['as JSON in JSON', JSON.stringify(JSON.stringify(token))],
    ['in a URL', encodeURIComponent(token)],
    ['in a form', new URLSearchParams([['', token]]).toString()],
    ['as HTML', token.replaceAll('&', '&amp;').replaceAll('"', '&#34;').replaceAll('+', '&#x2B;')],
    [
      'as HTML with names',
      token.replaceAll('&', '&AMP;').replaceAll('/', '&sol;').replaceAll('=', '&equals;'),
    ],
    ['as HTML in HTML', token.replaceAll('&', '&amp;amp;').replaceAll('/', '&amp;#47;')],
    ['in capitals', token.toUpperCase()],
    ['cut', `${token.slice(0, 14)}...`],
    ['in an answer that was cut', token.slice(0, 9)],
  ])('is not told when the server repeats it %s', async (_how, repeated) => {
    const secrets = () => `Bearer ${token}`;
    answer = (response) => response.writeHead(403).end(`not with ${repeated}`);
    const error = await failure({ url: origin, ...args }, undefined, { secrets });
    expect(error.answer).toMatch(/^not with =?[\\"]*\*\*\*[\\".]*$/);
  });

  const part = 'Zk93hdLq02mXv7';
  it.each([
    ['Token token=S', part],
    ['Token token=S', part.slice(0, 12) + '...'],
    ['ApiKey shop:S', part],
    ['Digest username="shop", response="S"', part],
    ['Digest username="shop", response="S, and\\" more"', `${part}, and" more`],
    ['session=S; theme=dark', part],
    ['session=Zk93%2FhdLq%3D02; theme=dark', 'Zk93/hdLq=02'],
    ['access_token=S', part],
    ['key_1.S', part],
    ['{"key":"Zk\\/93"}', 'Zk/93h'],
    [`Basic ${Buffer.from('shop:hun,ter2').toString('base64')}`, 'hun,ter2'],
  ])('is not told when the server repeats of %s only the part %s', async (written, repeated) => {
    const secrets = () => written.replace('S', part).replace('93"', '93h"');
    answer = (response) => response.writeHead(401).end(`the key ${repeated} is wrong`);
    const error = await failure({ url: origin, ...args }, undefined, { secrets });
    expect(error.answer).toMatch(/^the key \*\*\*(\.\.\.)? is wrong$/);
  });

  it.each([
    ['Token access_token=S', 'Token expected: set the access_token, not the token'],
    ['Token access_token=S', 'give an access_token'],
    ['Bearer S', 'this is no Bearer'],
    ['Digest username="shop", response="S"', 'this username has no response'],
    ['session=S; theme=dark', 'no session, and a dark theme'],
  ])('%s leaves the words of the answer: %s', async (written, said) => {
    answer = (response) => response.writeHead(401).end(said);
    const secrets = () => written.replace('S', part);
    const error = await failure({ url: `${origin}/?access_token=${part}`, ...args }, undefined, { secrets });
    expect(error.answer).toBe(said);
  });

  it.each([
    ['key=Zk9+hdLq02', 'Zk9 hdLq02'],
    ['key=Zk9%2BhdLq02', 'Zk9+hdLq02'],
    ['key=Zk9%2BhdLq02&x=%zz', 'Zk9+hdLq02'],
    ['auth=shop:S', part],
    ['to=https%3A%2F%2Fa.example%2F%3Fkey%3DZk9%252FhdLq', 'Zk9/hdLq'],
  ])('is not told either when it stands in the query: of %s not the part %s', async (query, repeated) => {
    answer = (response) => response.writeHead(401).end(`the key ${repeated} is wrong`);
    const error = await failure({ url: `${origin}/send?${query.replace('S', part)}` });
    expect(error.answer).toBe('the key *** is wrong');
  });

  it('is not told when there are too many to look for', async () => {
    const query = Array.from({ length: 2000 }, (_, at) => `a=part${at}`).join('&');
    answer = (response) => response.writeHead(401).end('part1999');
    expect((await failure({ url: `${origin}/?${query}` })).answer).toBe('***');
  });

  it('is not told when it is longer than what is read of an answer', async () => {
    const long = 'S3cret'.repeat(900);
    answer = (response, { headers }) => response.writeHead(400).end(`${headers.authorization} is too long`);
    const error = await failure({ url: origin, ...args }, undefined, { secrets: () => `Bearer ${long}` });
    expect(error.answer).toBe('***');
  });

  it('is looked up for each attempt, and told by no error', async () => {
    let count = 0;
    const secrets = async (name: string) => `${name} hunter${(count += 1)}`;
    answer = (response, { headers }) => response.writeHead(401).end(`${headers.authorization} is wrong`);
    for (const expected of ['PARTNER hunter1', 'PARTNER hunter2']) {
      const error = await failure({ url: origin, ...args }, undefined, { secrets });
      expect(received.at(-1)!.headers.authorization).toBe(expected);
      expect(error.answer).toBe('*** is wrong');
      expect(inspect(error, { depth: 10 })).not.toContain('hunter');
    }
  });

  it.each<[string, HttpOptions, RegExp]>([
    ['nothing looks it up', {}, /'PARTNER' is not known: the option 'http.secrets' is not set/],
    ['it is not there', { secrets: () => undefined as never }, /'PARTNER' is not a text/],
    ['it is empty', { secrets: () => '' }, /'PARTNER' is not a text/],
    ['it would begin another header', { secrets: () => 'hunter2\r\nhost: x' }, /'PARTNER' is not a text/],
    [
      'the look-up fails',
      { secrets: () => Promise.reject(new Error('vault is sealed')) },
      /'PARTNER' could not be looked up/,
    ],
    ['the look-up comes to no end', { secrets: () => new Promise(() => {}) }, /no answer within 200 ms/],
  ])('fails the attempt when %s', async (_, options, message) => {
    const error = await failure({ url: origin, timeout: 200, ...args }, undefined, options);
    expect(error.message).toMatch(message);
    expect(inspect(error, { depth: 10 })).not.toContain('hunter2');
    expect(received).toEqual([]);
  });
});

describe('the options of requests', () => {
  it('has a time-out for requests without one of their own', async () => {
    answer = () => undefined;
    const error = await failure({ url: origin }, undefined, { timeout: 100 });
    expect(error.message).toContain('no answer within 100 ms');
  });

  it('takes an agent, and a function that chooses one', async () => {
    status(204);
    const agent = new Agent({ keepAlive: true });
    const urls: string[] = [];
    const choose = (url: URL) => {
      urls.push(url.href);
      return agent;
    };
    try {
      await send({ url: `${origin}/a` }, undefined, { agent });
      await send({ url: `${origin}/b` }, undefined, { agent: choose });
      expect(received.map(({ headers }) => headers.connection)).toEqual(['keep-alive', 'keep-alive']);
      expect(urls).toEqual([`${origin}/b`]);
    } finally {
      agent.destroy();
    }
  });

  it.each<[string, object]>([
    ['http.agent', { agent: {} }],
    ['http.agent', { agent: new Agent(), allowedHosts: ['*'] }],
    ['http.secrets', { secrets: { a: 'b' } }],
    ['http.timeout', { timeout: 'soon' }],
    ['http.proxy', { proxy: 'http://proxy' }],
    ['http.allowedHosts', { allowedHosts: 'example.org' }],
    ['http', [] as object],
  ])('refuses %s', (option, options) => {
    expect(() => readHttpOptions(options)).toThrow(expect.objectContaining({ option }));
  });
});

describe('the arguments of HttpRequestStep', () => {
  const metadata = stepMetadataOf(HttpRequestStep);
  let serializer: StepArgumentsSerializer;

  beforeAll(async () => {
    serializer = new StepArgumentsSerializer(
      await ArgumentsValidator.load(() => Promise.reject(notInstalled())),
    );
  });

  function notInstalled(): Error {
    return Object.assign(new Error("Cannot find package 'class-validator'"), {
      code: 'ERR_MODULE_NOT_FOUND',
    });
  }

  it('are those of a step with a name of its own', () => {
    expect(metadata).toMatchObject({ name: 'stepping.http-request' });
  });

  it.each<[HttpRequestArguments]>([
    [{ url: 'https://example.org' }],
    [{ url: 'http://localhost:3000/a?b=c', method: 'delete', timeout: 500 }],
    [{ url: 'https://example.org', headers: { a: 'b', 'X-Y': '' }, body: { a: [null] }, timeout: '1m' }],
    [{ url: 'https://example.org', method: 'GET', headers: undefined, body: undefined }],
    [{ url: 'https://example.org', method: 'PURGE', redirect: 'follow' }],
    [{ url: 'https://example.org', headers: { Authorization: { secret: 'PARTNER_TOKEN' } } }],
  ])('are stored as they are: %j', async (args) => {
    const json = serializer.serialize('http', metadata, args);
    expect(JSON.parse(json!)).toEqual(JSON.parse(JSON.stringify(args)));
    expect(await serializer.restore('http', metadata, JSON.parse(json!))).toEqual(JSON.parse(json!));
  });

  it.each<[unknown, string]>([
    [undefined, 'args'],
    [null, 'args'],
    ['https://example.org', 'args'],
    [[], 'args'],
    [{}, 'args.url'],
    [{ url: '/relative' }, 'args.url'],
    [{ url: 'ftp://example.org' }, 'args.url'],
    [{ url: 'file:///etc/passwd' }, 'args.url'],
    [{ url: 'https://user:hunter2@example.org' }, 'args.url'],
    [{ url: 5 }, 'args.url'],
    [{ url: 'https://a', method: '' }, 'args.method'],
    [{ url: 'https://a', method: 'GO AWAY' }, 'args.method'],
    [{ url: 'https://a', method: 'trace' }, 'args.method'],
    [{ url: 'https://a', method: 'GET', body: 'x' }, 'args.method'],
    [{ url: 'https://a', method: 'head', body: null }, 'args.method'],
    [{ url: 'https://a', headers: ['a'] }, 'args.headers'],
    [{ url: 'https://a', headers: { 'a b': 'c' } }, 'args.headers["a b"]'],
    [{ url: 'https://a', headers: { a: 'hunter2\r\nx: y' } }, 'args.headers["a"]'],
    [{ url: 'https://a', headers: { a: 5 } }, 'args.headers["a"]'],
    [{ url: 'https://a', headers: { Host: 'b' } }, 'args.headers["Host"]'],
    [{ url: 'https://a', headers: { 'content-length': '5' } }, 'args.headers["content-length"]'],
    [{ url: 'https://a', headers: { 'Transfer-Encoding': 'chunked' } }, 'args.headers["Transfer-Encoding"]'],
    [
      { url: 'https://a', headers: { 'idempotency-key': 'a', 'Idempotency-Key': 'b' } },
      'args.headers["Idempotency-Key"]',
    ],
    [{ url: 'https://a', headers: { a: { secret: '' } } }, 'args.headers["a"]'],
    [{ url: 'https://a', headers: { a: { secret: 5 } } }, 'args.headers["a"]'],
    [{ url: 'https://a', headers: { a: { secret: 'x', value: 'hunter2' } } }, 'args.headers["a"]'],
    [{ url: 'https://a', redirect: 'manual' }, 'args.redirect'],
    [{ url: 'http://[fe80::1%25eth0]/' }, 'args.url'],
    [{ url: 'https://a', timeout: 'soon' }, 'args.timeout'],
    [{ url: 'https://a', timeout: 0 }, 'args.timeout'],
    [{ url: 'https://a', header: {} }, 'args.header'],
    [{ url: 'https://a', body: { at: new Date() } }, 'args.body.at'],
  ])('are refused when the step is added: %j', (args, path) => {
    let error: unknown;
    try {
      serializer.serialize('http', metadata, args);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(InvalidStepArgumentsError);
    expect(error).toMatchObject({ path });
    expect((error as Error).message).not.toContain('hunter2');
  });

  it('are checked again before the step runs', async () => {
    const restoring = (async () => serializer.restore('http', metadata, { url: 'nowhere' }))();
    await expect(restoring).rejects.toMatchObject({ path: 'args.url' });
  });
});
