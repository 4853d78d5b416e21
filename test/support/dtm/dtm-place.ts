import type { INestApplicationContext } from '@nestjs/common';
import type { TestingModule } from '@nestjs/testing';
import type { TransactionManagerStrategy } from '../../../lib/index.js';
import { dtm, type DtmOptions } from '../../../lib/tm/dtm/index.js';
import type { TcpProxy } from '../tcp-proxy.js';
import { freePort, type DtmServer } from './dtm-server.js';

export const SECRET = 'Zk4rTq9wVb2nXs7pLd';

/** Settings of DTM that are fast, with signed callbacks. */
export const FAST_DTM = {
  secrets: SECRET,
  // Equal, so that the query-back comes with the first look.
  queryPreparedAfter: '1s',
  retryInterval: '1s',
  gracePeriod: '2s',
} as const;

/** A DTM server as the place of a test's jobs, and the port at which it calls one process of the application back. */
export class DtmPlace {
  private constructor(
    readonly server: DtmServer,
    private readonly grpc: boolean,
    private readonly balancer: TcpProxy,
    readonly port: number,
  ) {}

  static async of(server: DtmServer, grpc: boolean, balancer: TcpProxy): Promise<DtmPlace> {
    return new DtmPlace(server, grpc, balancer, await freePort());
  }

  strategy(options: Partial<DtmOptions> = {}): TransactionManagerStrategy {
    return dtm(this.options(options));
  }

  /** From now on DTM may reach the process. */
  options(options: Partial<DtmOptions> = {}): DtmOptions {
    const { server, grpc, port, balancer } = this;
    balancer.add(port);
    const callback = `127.0.0.1:${balancer.port}`;
    return {
      protocol: grpc ? 'grpc' : 'http',
      server: grpc ? server.grpcAddress : server.httpUrl,
      callback: grpc ? callback : `http://${callback}`,
      ...(grpc && { httpApi: server.httpUrl, listen: `127.0.0.1:${port}` }),
      ...FAST_DTM,
      ...options,
    };
  }

  /** The application, at the address that DTM was given. */
  listen(testing: TestingModule): Promise<INestApplicationContext> {
    return listen(testing, this.grpc, this.port);
  }
}

/** Starts an application that DTM calls back. */
export async function listen(
  testing: TestingModule,
  grpc: boolean,
  port: number,
): Promise<INestApplicationContext> {
  // DTM may have opened a connection without a request on it yet, which Node does not count as idle: closing
  // would wait a minute for it.
  const app = testing.createNestApplication({ forceCloseConnections: true });
  if (grpc) await app.init();
  else await app.listen(port, '127.0.0.1');
  return app;
}
