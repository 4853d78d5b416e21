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
import { StandIn } from '../../support/dtm/stand-in.js';

const HEADERS = { authorization: 'Bearer header-S3cret' };
const CARD = '4111-S3cret';

/** How a text may be written that somebody repeats. */
const FORMS: Readonly<Record<string, (text: string) => string>> = {
  'as it is': (text) => text,
  'as JSON': (text) => JSON.stringify(text),
  'as JSON in JSON': (text) => JSON.stringify(JSON.stringify(text)),
  'as JSON in JSON in JSON': (text) => JSON.stringify(JSON.stringify(JSON.stringify(text))),
  'as a row of PostgreSQL': (text) => `(1,"${text.replaceAll('"', '""')}")`,
  'in single quotes': (text) => text.replaceAll('"', "'"),
  'without quotes': (text) => text.replace(/[{}"]/g, ''),
  'as JavaScript': (text) => inspect(parsed(text)),
  'as Go': (text) => `map[${text.replace(/[{}"]/g, '').replaceAll(',', ' ')}]`,
  'in lines': (text) => text.replace(/[,:]/g, '$&\n  '),
  'in a URL': (text) => encodeURIComponent(text),
  'in a URL in a URL': (text) => encodeURIComponent(encodeURIComponent(text)),
  'in a URL, each character': (text) => hex(text, '%'),
  'in HTML': (text) => text.replaceAll('"', '&quot;').replaceAll('-', '&#45;'),
  'in base64': base64,
  'in base64, for URLs': (text) => Buffer.from(text).toString('base64url'),
  'in base64, in lines': (text) => base64(text).replace(/.{19}/g, '$&\r\n'),
  'in hex': (text) => hex(text, ''),
  'as bytea': (text) => `\\x${hex(text, '')}`,
  'as bytes of JavaScript': (text) => `<Buffer ${hex(text, ' ')}>`,
  'as bytes of Go': (text) => `[${[...Buffer.from(text)].join(' ')}]`,
  'in escapes of JSON': (text) => text.replace(/\W/g, (sign) => `\\u${hex(sign, '').padStart(4, '0')}`),
  'in escapes of PostgreSQL': (text) =>
    text.replace(/\W/g, (sign) => `\\${sign.charCodeAt(0).toString(8).padStart(3, '0')}`),
  'in capitals': (text) => text.toUpperCase(),
  'without its beginning': (text) => text.slice(-14),
};

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

function hex(text: string, before: string): string {
  return Buffer.from(text).toString('hex').replace(/../g, `${before}$&`);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Servers that refuse everything, and say again what they were sent. */
async function echoOverHttp(): Promise<HttpServer> {
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (part: Buffer) => (body += part.toString()));
    request.on('end', () => {
      const message = `${request.headers.authorization} may not ${body}`;
      response.writeHead(500).end(JSON.stringify({ message }));
    });
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
  expect(error.message).toContain('is left out');
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

it.for(Object.keys(FORMS))(
  'an answer of DTM is left out that repeats a payload, its arguments or a header %s',
  async (form) => {
    const write = FORMS[form]!;
    let repeated = '';
    const dtmServer = await StandIn.start(({ body, headers }, response) => {
      const payload = (JSON.parse(body || '{}') as { payloads?: string[] }).payloads?.[0] ?? '{}';
      const { signature, args } = JSON.parse(payload) as Record<string, unknown>;
      const parts = {
        payload,
        signature: String(signature),
        args: JSON.stringify(args ?? 0),
        card: CARD,
        header: headers.authorization!.split(' ')[1]!,
        nothing: '',
      };
      const message = `pq: error near ${write(parts[part])}, and so on`;
      if (body.includes('payloads')) repeated = message;
      response.writeHead(500).end(JSON.stringify({ message }));
    });
    cleanUp.push(() => dtmServer.close());
    let part: 'payload' | 'signature' | 'args' | 'card' | 'header' | 'nothing' = 'payload';
    const app = await start({ server: dtmServer.url, callback: 'http://127.0.0.1:9' });
    const answerTo = async (): Promise<unknown> => {
      const job = app.get(DistributedJobFactory).createJob({ transaction: 'none' });
      return job
        .addStep('pay', { card: CARD, to: 'Jörg' })
        .start()
        .then(undefined, ({ answer }: { answer?: unknown }) => answer);
    };
    for (part of ['payload', 'signature', 'args', 'card', 'header'] as const) {
      expect([part, await answerTo()]).toEqual([part, expect.stringContaining('is left out')]);
    }
    part = 'nothing';
    expect(await answerTo()).toBe(`500 ${repeated.replace(/\s+/g, ' ')}`);
  },
);

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
