import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export interface StandInRequest {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Something that answers at the address of a DTM server, over HTTP. */
export class StandIn {
  readonly requests: StandInRequest[] = [];

  private constructor(
    readonly url: string,
    readonly close: () => Promise<void>,
  ) {}

  static async start(
    answer: (request: StandInRequest, response: ServerResponse) => unknown,
  ): Promise<StandIn> {
    const server = createServer((request, response) => {
      void text(request).then((body) => {
        const arrived = { path: request.url!, headers: request.headers, body };
        standIn.requests.push(arrived);
        answer(arrived, response);
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const standIn = new StandIn(`http://127.0.0.1:${port}`, async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });
    return standIn;
  }
}
