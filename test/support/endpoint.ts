import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export interface EndpointRequest {
  readonly method: string;
  readonly path: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** An HTTP endpoint of other people, which knows nothing of jobs. */
export class Endpoint {
  readonly requests: EndpointRequest[] = [];
  /** Statuses of the next answers, in their order; then 200. */
  readonly statuses: number[] = [];

  private constructor(
    readonly url: string,
    readonly close: () => Promise<void>,
  ) {}

  /** @param content What each answer says. */
  static async start(content = '{}'): Promise<Endpoint> {
    const server = createServer((request, response) => {
      void text(request).then((body) => {
        const { pathname: path, searchParams } = new URL(request.url!, endpoint.url);
        const { method, headers } = request;
        const parameters = Object.fromEntries(searchParams);
        endpoint.requests.push({ method: method!, path, parameters, headers, body });
        response.writeHead(endpoint.statuses.shift() ?? 200).end(content);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const endpoint = new Endpoint(`http://127.0.0.1:${port}`, async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });
    return endpoint;
  }
}
