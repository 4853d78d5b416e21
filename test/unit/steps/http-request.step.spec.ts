import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ArgumentsValidator } from '../../../lib/core/steps/arguments-validator.js';
import { type HttpRequestArguments, HttpRequestStep } from '../../../lib/core/steps/http-request.step.js';
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

function send(args: HttpRequestArguments, stop = new StepStop()): Promise<void> {
  const context = createStepContext({ gid: 'g1', stepIndex: 1, stepName: 'http', attempt: 1, stop });
  return new HttpRequestStep().execute(args, context);
}

async function failure(args: HttpRequestArguments, stop?: StepStop): Promise<HttpRequestError> {
  const error: unknown = await send(args, stop).then(
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

  it('follows redirects', async () => {
    answer = (response, { path }) =>
      path === '/old' ? response.writeHead(307, { location: '/new' }).end() : response.writeHead(200).end();
    await send({ url: `${origin}/old`, body: 'x' });
    expect(received.map(({ method, path, body }) => `${method} ${path} ${body}`)).toEqual([
      'POST /old x',
      'POST /new x',
    ]);
  });

  it.each([304, 400, 404, 409, 429, 500, 503])('throws at %d, without telling secrets', async (code) => {
    status(code);
    const args = {
      url: `${origin}/pay?token=hunter2#hunter2`,
      headers: { 'x-key': 'hunter2' },
      body: 'hunter2',
    };
    const error = await failure({ ...args, method: 'put' });
    expect(error).toMatchObject({ method: 'PUT', target: `${new URL(origin).host}/pay`, status: code });
    expect(error.message).toBe(`PUT ${new URL(origin).host}/pay failed: status ${code}.`);
    expect(JSON.stringify(error)).not.toContain('hunter2');
  });

  it('names the network problem', async () => {
    const closed = createTcpServer();
    await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
    const { port } = closed.address() as AddressInfo;
    await new Promise((resolve) => closed.close(resolve));
    const error = await failure({ url: `http://127.0.0.1:${port}/x?token=hunter2` });
    expect(error.message).toBe(`GET 127.0.0.1:${port}/x failed: ECONNREFUSED.`);
    expect(error.status).toBeUndefined();
    expect(error.cause).toBeInstanceOf(TypeError);
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
    [{ url: 'https://example.org', method: 'PURGE' }],
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
