import { once } from 'node:events';
import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { Server as GrpcServer, ServerCredentials } from '@grpc/grpc-js';
import { Test, type TestingModule } from '@nestjs/testing';
import { afterEach, expect, it } from 'vitest';
import { DistributedJobFactory, DistributedJobs, SteppingModule } from '../../../lib/index.js';
import { dtm, type DtmOptions } from '../../../lib/tm/dtm/index.js';
import { codecOption } from '../../support/codec.js';
import { SECRET } from '../../support/dtm/dtm-place.js';

const HEADERS = { authorization: 'Bearer header-S3cret' };
const CARD = '4111-S3cret';

/** Servers that refuse everything, and say again what they were sent. */
async function echoOverHttp(): Promise<HttpServer> {
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (part: Buffer) => (body += part.toString()));
    request.on('end', () => response.writeHead(500).end(`${request.headers.authorization} may not ${body}`));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

async function echoOverGrpc(): Promise<{ server: GrpcServer; port: number }> {
  const server = new GrpcServer();
  const refuse = {
    path: '/dtmgimp.Dtm/Prepare',
    requestStream: false,
    responseStream: false,
    requestDeserialize: (bytes: Buffer) => bytes,
    requestSerialize: (bytes: Buffer) => bytes,
    responseDeserialize: (bytes: Buffer) => bytes,
    responseSerialize: (bytes: Buffer) => bytes,
  } as const;
  server.addService(
    { refuse },
    {
      refuse: (
        call: { request: Buffer; metadata: { get(name: string): unknown[] } },
        done: (error: object) => void,
      ) => {
        const sent = call.request.toString('latin1').replace(/[^ -~]/g, ' ');
        done({ code: 13, details: `${String(call.metadata.get('authorization')[0])} may not ${sent}` });
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  return { server, port };
}

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of cleanUp.splice(0).reverse()) await end();
});

async function start(options: DtmOptions): Promise<TestingModule> {
  const transactionManager = dtm({
    ...options,
    secrets: SECRET,
    serverHeaders: HEADERS,
    serverTimeout: '2s',
  });
  const imports = [SteppingModule.forRoot({ transactionManager, ...codecOption() })];
  const app = await Test.createTestingModule({ imports }).compile();
  cleanUp.push(() => app.close());
  return app.init();
}

async function refusal(work: () => Promise<unknown>): Promise<string> {
  const error = await work().then(
    () => expect.fail('it was not refused'),
    (thrown: unknown) => thrown as Error,
  );
  expect(error.message).toContain('may not');
  return inspect(error, { depth: 10, showHidden: true });
}

it('an answer of DTM over HTTP that repeats what was sent shows no arguments and no headers', async () => {
  const server = await echoOverHttp();
  cleanUp.push(() => server.close());
  const { port } = server.address() as AddressInfo;
  const app = await start({ server: `http://127.0.0.1:${port}`, callback: 'http://127.0.0.1:9' });
  const job = app
    .get(DistributedJobFactory)
    .createJob({ transaction: 'none' })
    .addStep('pay', { card: CARD })
    .addStep('pay', 'x'.repeat(1000));
  expect(await refusal(() => job.start())).not.toMatch(/S3cret/);
  expect(await refusal(() => app.get(DistributedJobs).find('any'))).not.toMatch(/S3cret/);
});

it('an answer of DTM over gRPC that repeats what was sent shows no arguments and no headers', async () => {
  const { server, port } = await echoOverGrpc();
  cleanUp.push(() => server.forceShutdown());
  const app = await start({
    protocol: 'grpc',
    server: `127.0.0.1:${port}`,
    callback: '127.0.0.1:9',
    listen: false,
  });
  const job = app
    .get(DistributedJobFactory)
    .createJob({ transaction: 'none' })
    .addStep('pay', { card: CARD });
  expect(await refusal(() => job.start())).not.toMatch(/S3cret/);
});
