import type { INestApplicationContext } from '@nestjs/common';
import type { TestingModule } from '@nestjs/testing';
import { dtm, type DtmOptions } from '../../../lib/tm/dtm/index.js';
import { freePort, type DtmServer } from './dtm-server.js';
import type { TransactionManagerStrategy } from '../../../lib/index.js';
import type { LoadBalancer } from '../load-balancer.js';

/** A DTM server as the place of a test's jobs, and the port at which it calls one process of the application back. */
export class DtmPlace {
  private constructor(
    readonly server: DtmServer,
    private readonly grpc: boolean,
    private readonly balancer: LoadBalancer,
    readonly port: number,
  ) {}

  static async of(server: DtmServer, grpc: boolean, balancer: LoadBalancer): Promise<DtmPlace> {
    return new DtmPlace(server, grpc, balancer, await freePort());
  }

  /** DTM as the transaction manager: fast, and with signed callbacks. */
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
      secrets: 'a secret of the tests',
      // Equal, so that the query-back comes with the first look.
      queryPreparedAfter: '1s',
      retryInterval: '1s',
      gracePeriod: '2s',
      ...options,
    };
  }

  /** The application, at the address that DTM was given. */
  async listen(testing: TestingModule): Promise<INestApplicationContext> {
    // DTM may have opened a connection without a request on it yet, which Node does not count as idle: closing
    // would wait a minute for it.
    const app = testing.createNestApplication({ forceCloseConnections: true });
    if (this.grpc) await app.init();
    else await app.listen(this.port, '127.0.0.1');
    return app;
  }
}
