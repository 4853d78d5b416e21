import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2';
import { Agent, request } from 'node:http';
import type { INestApplication, Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { DataSource } from 'typeorm';
import {
  DistributedJobFactory,
  DistributedJobs,
  Step,
  SteppingModule,
  type StepHandler,
} from '../../../lib/index.js';
import { dtm, type DtmOptions } from '../../../lib/tm/dtm/index.js';
import { Endpoint } from '../endpoint.js';
import { logger } from '../log-lines.js';
import { SECRET } from './dtm-place.js';
import { freePort } from './dtm-server.js';

/** What was answered: an HTTP status, or the code of gRPC; undefined where the connection was cut. */
export type Status = number | undefined;

export interface Sent {
  readonly method?: string;
  /** HTTP: with its query; gRPC: the full method. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** gRPC: the body is sent as it is, without the five bytes of a frame before it. */
  readonly unframed?: boolean;
}

/** What DTM answers to a request that it has done, and to a question about a job that it does not have. */
const YES = '{"dtm_result":"SUCCESS","transaction":null,"branches":[]}';

const executed: { step: string; args: unknown }[] = [];

@Step('pay')
class Pay implements StepHandler<unknown> {
  execute(args: unknown): void {
    executed.push({ step: 'pay', args });
  }
}

/**
 * An application whose callbacks are called by whoever likes, on a SQLite database. Its DTM server says yes to everything,
 * and calls nothing.
 */
export class CallbackApplication {
  /** What its steps have run with, in all applications of a test file. */
  readonly executed = executed;
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 64 });
  private readonly sessions: (ClientHttp2Session | undefined)[] = [];
  private next = 0;

  private constructor(
    readonly app: INestApplication,
    readonly server: Endpoint,
    readonly dataSource: DataSource,
    readonly port: number,
    private readonly grpc: boolean,
  ) {}

  static async start(
    protocol: 'http' | 'grpc',
    options: Partial<DtmOptions> = {},
    prepare: (app: INestApplication) => unknown = () => undefined,
    controllers: readonly Type[] = [],
  ): Promise<CallbackApplication> {
    const grpc = protocol === 'grpc';
    const [server, port] = [await Endpoint.start(YES), await freePort()];
    const dataSource = await new DataSource({ type: 'better-sqlite3', database: ':memory:' }).initialize();
    const transactionManager = dtm({
      protocol,
      // Nobody is there over gRPC.
      server: grpc ? '127.0.0.1:9' : server.url,
      httpApi: server.url,
      callback: `${grpc ? '' : 'http://'}127.0.0.1:${port}`,
      ...(grpc && { listen: `127.0.0.1:${port}` }),
      secrets: SECRET,
      serverTimeout: 200,
      ...options,
    });
    const testing = await Test.createTestingModule({
      imports: [SteppingModule.forRoot({ transactionManager })],
      controllers: [...controllers],
      providers: [Pay, { provide: DataSource, useValue: dataSource }],
    })
      .setLogger(logger)
      .compile();
    const app = testing.createNestApplication({ forceCloseConnections: true });
    await prepare(app);
    if (grpc) await app.init();
    else await app.listen(port, '127.0.0.1');
    return new CallbackApplication(app, server, dataSource, port, grpc);
  }

  get jobs(): DistributedJobFactory {
    return this.app.get(DistributedJobFactory);
  }

  get admin(): DistributedJobs {
    return this.app.get(DistributedJobs);
  }

  async close(): Promise<void> {
    this.agent.destroy();
    for (const session of this.sessions) session?.destroy();
    await this.app.close();
    await this.server.close();
    if (this.dataSource.isInitialized) await this.dataSource.destroy();
  }

  send(sent: Sent): Promise<Status> {
    return this.grpc ? this.sendGrpc(sent) : this.sendHttp(sent);
  }

  /** A step as DTM calls it. */
  step(
    gid: string,
    branch: string,
    body: string | Buffer,
    changes: Record<string, string> = {},
  ): Promise<Status> {
    return this.send(this.stepCall(gid, branch, body, changes));
  }

  stepCall(gid: string, branch: string, body: string | Buffer, changes: Record<string, string> = {}): Sent {
    return {
      ...this.address('step', { gid, branch_id: branch, trans_type: 'msg', op: 'action', ...changes }),
      body,
    };
  }

  queryCall(gid: string, parameters: Record<string, string>, changes: Record<string, string> = {}): Sent {
    const call = { gid, branch_id: '00', trans_type: 'msg', op: 'msg', ...changes };
    return { ...this.address('query', call, parameters), method: this.grpc ? 'POST' : 'GET' };
  }

  /** A query-back as DTM makes it. */
  query(gid: string, parameters: Record<string, string>): Promise<Status> {
    return this.send(this.queryCall(gid, parameters));
  }

  private address(
    what: 'step' | 'query',
    call: Record<string, string>,
    others: Record<string, string> = {},
  ): Sent {
    if (!this.grpc) {
      const path = what === 'step' ? 'step' : 'query-prepared';
      return { path: `/stepping/${path}?${new URLSearchParams({ ...others, ...call }).toString()}` };
    }
    const names = Object.entries(call).map(([name, value]) => [`dtm-${name}`, value] as const);
    const path = `/stepping.Callbacks/${what === 'step' ? 'Step' : 'QueryPrepared'}`;
    return { path, headers: { ...Object.fromEntries(names), ...others } };
  }

  private sendHttp({ method = 'POST', path, headers = {}, body }: Sent): Promise<Status> {
    const { port, agent } = this;
    const type = body === undefined ? {} : { 'content-type': 'application/json' };
    return new Promise((resolve) => {
      const sent = { ...type, ...headers };
      const message = request({ host: '127.0.0.1', port, method, path, headers: sent, agent }, (response) => {
        response.resume().on('close', () => resolve(response.statusCode));
      });
      message.on('error', () => resolve(undefined)).end(body);
    });
  }

  private sendGrpc({ method = 'POST', path, headers = {}, body = '', unframed }: Sent): Promise<Status> {
    return new Promise((resolve) => {
      let status: Status;
      const read = (found: Readonly<Record<string, unknown>>) => {
        const told = found['grpc-status'] ?? (found[':status'] === 200 ? undefined : found[':status']);
        if (told !== undefined) status = Number(told);
      };
      try {
        const stream = this.session().request({
          ':method': method,
          ':path': path,
          'content-type': 'application/grpc',
          te: 'trailers',
          ...headers,
        });
        stream.on('response', read).on('trailers', read);
        stream.on('error', () => undefined).on('close', () => resolve(status));
        stream.resume().end(unframed ? body : frame(body));
      } catch {
        resolve(undefined);
      }
    });
  }

  /** One of a few connections. */
  private session(): ClientHttp2Session {
    this.next = (this.next + 1) % 4;
    const known = this.sessions[this.next];
    if (known && !known.destroyed && !known.closed) return known;
    const session = connectHttp2(`http://127.0.0.1:${this.port}`);
    session.on('error', () => undefined);
    return (this.sessions[this.next] = session);
  }
}

/** A message of gRPC. */
export function frame(body: string | Buffer): Buffer {
  const message = Buffer.from(body as string);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}
