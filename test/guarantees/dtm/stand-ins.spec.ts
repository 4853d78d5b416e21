import type { ServerResponse } from 'node:http';
import { createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { CallbackApplication } from '../../support/dtm/callback-application.js';
import { StandIn } from '../../support/dtm/stand-in.js';

const KEY = 'header-S3cret';
const CARD = '4111-S3cret';
const UNAVAILABLE = { code: 'STEPPING_TRANSACTION_MANAGER_UNAVAILABLE' };

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of cleanUp.splice(0).reverse()) await end();
});

async function standIn(...answer: Parameters<typeof StandIn.start>): Promise<StandIn> {
  const started = await StandIn.start(...answer);
  cleanUp.push(() => started.close());
  return started;
}

async function application(...options: Parameters<typeof CallbackApplication.start>) {
  const started = await CallbackApplication.start(...options);
  cleanUp.push(() => started.close());
  return started;
}

/** Starts a job outside a transaction, and one in a transaction: nothing of either may be left. */
async function startRefused(app: CallbackApplication, expected: object): Promise<Error> {
  await app.dataSource.query('CREATE TABLE orders (id TEXT)');
  const start = (transaction: 'none' | object) =>
    app.jobs
      .createJob({ transaction: transaction as 'none' })
      .addStep('pay', { card: CARD })
      .start();
  const placing = app.dataSource.transaction(async (manager) => {
    await manager.query("INSERT INTO orders VALUES ('1')");
    await start(manager);
  });
  await expect(placing).rejects.toMatchObject(expected);
  expect(await app.dataSource.query('SELECT * FROM orders')).toEqual([]);
  const error = await start('none').then(
    () => expect.fail('it was started'),
    (thrown: unknown) => thrown as Error,
  );
  expect(error).toMatchObject(expected);
  return error;
}

describe('what answers in place of DTM over HTTP', () => {
  const page = '<html>Please log in</html>';
  const end = (status: number, body: string, headers: Record<string, string> = {}) => ({
    how: `${status} ${body || 'nothing'}`,
    answer: (response: ServerResponse) => response.writeHead(status, headers).end(body),
    status,
  });

  it.for([
    end(200, page),
    end(200, ''),
    end(200, '{}'),
    end(200, 'null'),
    end(200, '"SUCCESS"'),
    end(200, '[{"dtm_result":"SUCCESS"}]'),
    end(200, '{"msg":"pong"}'),
    end(201, '{"dtm_result":"SUCCESS"}'),
    end(204, ''),
    end(403, '{"message":"Forbidden"}'),
    end(500, page),
    end(502, page),
  ])('has no job started: $how', async ({ answer, status }) => {
    const server = await standIn((_request, response) => answer(response));
    const app = await application('http', { server: server.url });
    const { message } = await startRefused(app, UNAVAILABLE);
    expect(message).toContain(`status ${status}`);
    expect(message).not.toContain('log in');
    expect(app.admin.recovery().error).toBeInstanceOf(Error);
  });

  it.for([301, 302, 303, 307, 308])('is not followed elsewhere: %i', async (status) => {
    const elsewhere = await standIn((_request, response) => response.end('{"dtm_result":"SUCCESS"}'));
    const location = `${elsewhere.url}/login?from=${KEY}`;
    const server = await standIn((_request, response) => response.writeHead(status, { location }).end());
    const options = { server: server.url, httpApi: server.url, serverHeaders: { 'x-api-key': KEY } };
    const app = await application('http', options);
    const { message } = await startRefused(app, UNAVAILABLE);
    expect(message).toContain(`status ${status}`);
    expect(message).toContain(`${elsewhere.url}/login`);
    expect(message).not.toContain('S3cret');
    await expect(app.admin.find('any')).rejects.toMatchObject(UNAVAILABLE);
    await expect(app.admin.list()).rejects.toMatchObject(UNAVAILABLE);
    expect(elsewhere.requests).toEqual([]);
  });

  it('is not believed when it says FAILURE with status 200', async () => {
    const server = await standIn((_request, response) =>
      response.end('{"dtm_result":"FAILURE","message":"the disk is full"}'),
    );
    const app = await application('http', { server: server.url });
    const { message } = await startRefused(app, { code: 'STEPPING_DTM_REQUEST_REFUSED' });
    expect(message).toContain('the disk is full');
  });
});

describe('an answer over HTTP that does not end', () => {
  const MB = 1024 * 1024;

  /** Sends as much as is read, and tells how much that was. */
  async function endless(status: number) {
    const sent = { bytes: 0 };
    const part = Buffer.alloc(MB, ' ');
    const server = await standIn((_request, response) => {
      const send = (): void => {
        while (!response.destroyed) {
          sent.bytes += part.length;
          if (!response.write(part)) return void response.once('drain', send);
        }
      };
      response.writeHead(status);
      send();
    });
    const app = await application('http', {
      server: server.url,
      httpApi: server.url,
      serverTimeout: '20s',
    });
    sent.bytes = 0;
    return { app, sent };
  }

  it.for([200, 500])('is not read on where it only has a result, with status %i', async (status) => {
    const { app, sent } = await endless(status);
    const { message } = await startRefused(app, UNAVAILABLE);
    expect(message).toContain('more than 65536 bytes');
    // Two Prepares and an Abort, and what the connections hold.
    expect(sent.bytes).toBeLessThan(60 * MB);
  });

  it('is not read on where it has jobs', async () => {
    const { app, sent } = await endless(200);
    for (const read of [() => app.admin.find('any'), () => app.admin.list(), () => app.admin.cancel('any')]) {
      sent.bytes = 0;
      const error = await read().then(undefined, (thrown: unknown) => thrown as Error);
      expect(error).toMatchObject({
        ...UNAVAILABLE,
        message: expect.stringContaining('more than 33554432 bytes'),
      });
      expect(sent.bytes).toBeLessThan(60 * MB);
    }
  });
});

describe('an answer over HTTP of other types than those of DTM', () => {
  const transaction = {
    gid: '(any)',
    trans_type: 'msg',
    status: 'submitted',
    query_prepared: '',
    options: '',
  };
  const job = { transaction, branches: [] };
  const page = { transactions: [transaction], next_position: '' };

  it.for([
    {},
    { transaction: 1 },
    { transaction: [] },
    { transaction: 'text' },
    { ...job, branches: 'text' },
    { ...job, branches: [null] },
    { ...job, branches: [{ url: 5 }] },
    ...['gid', 'trans_type', 'status'].flatMap((name) =>
      [undefined, null, 5, {}].map((value) => ({ ...job, transaction: { ...transaction, [name]: value } })),
    ),
    ...['query_prepared', 'options', 'custom_data', 'rollback_reason', 'create_time', 'next_cron_time'].map(
      (name) => ({ ...job, transaction: { ...transaction, [name]: 5 } }),
    ),
    { ...job, transaction: { ...transaction, create_time: 'yesterday' } },
    { ...job, transaction: { ...transaction, gid: '(another)' } },
  ])('is no job: %j', async (content) => {
    const server = await standIn((_request, response) => response.end(JSON.stringify(content)));
    const app = await application('http', { server: server.url, httpApi: server.url });
    for (const action of [
      () => app.admin.find('any'),
      () => app.admin.cancel('any'),
      () => app.admin.retry('any'),
      () => app.jobs.createJob({ gid: 'any', transaction: 'none' }).addStep('pay').start(),
    ]) {
      await expect(action()).rejects.toMatchObject(UNAVAILABLE);
    }
  });

  it.for([
    {},
    { ...page, transactions: 'text' },
    { ...page, transactions: {} },
    { ...page, transactions: [null] },
    { ...page, transactions: [5] },
    { ...page, transactions: [{ ...transaction, gid: null }] },
    { ...page, transactions: [{ ...transaction, options: 7 }] },
    { ...page, next_position: {} },
  ])('is no page: %j', async (content) => {
    const server = await standIn((_request, response) => response.end(JSON.stringify(content)));
    const app = await application('http', { server: server.url, httpApi: server.url });
    await expect(app.admin.list()).rejects.toMatchObject(UNAVAILABLE);
  });

  it.for([
    { options: '5' },
    { options: '{"branch_headers":5}' },
    { options: '{"branch_headers":{"stepping-query":5,"stepping-signature":{}}}' },
    { custom_data: '[]' },
    { status: '__proto__', query_prepared: 'http://127.0.0.1:1/stepping/query-prepared' },
  ])('is no job of ours where another service has written it: %j', async (odd) => {
    for (const protocol of ['http', 'grpc'] as const) {
      let queryPrepared = '';
      const server = await standIn((_request, response) => {
        const shown = { ...transaction, query_prepared: queryPrepared, ...odd };
        response.end(
          JSON.stringify({ transaction: shown, branches: null, transactions: [shown], next_position: '' }),
        );
      });
      const app = await application(protocol, { httpApi: server.url });
      queryPrepared = `127.0.0.1:${app.port}/stepping.Callbacks/QueryPrepared`;
      expect(await app.admin.find('any')).toBeNull();
      expect(await app.admin.list()).toEqual({ jobs: [] });
    }
  });
});

it.for([
  { ':status': 200, 'content-type': 'text/html' },
  { ':status': 200, 'content-type': 'application/grpc' },
  { ':status': 200, 'content-type': 'text/html', 'grpc-status': 0 },
  { ':status': 302, location: 'http://127.0.0.1:9/login' },
  { ':status': 307, location: 'http://127.0.0.1:9/login' },
])('what answers in place of DTM over gRPC has no job started: %j', async (headers) => {
  const server = createHttp2Server().on('stream', (stream: ServerHttp2Stream) => {
    stream.on('error', () => undefined);
    stream.respond(headers);
    stream.end('<html>Please log in</html>');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanUp.push(() => server.close());
  const { port } = server.address() as AddressInfo;
  const app = await application('grpc', { server: `127.0.0.1:${port}` });
  await startRefused(app, { code: expect.stringMatching(/REFUSED$|UNAVAILABLE$/) });
});
