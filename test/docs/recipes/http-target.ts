import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface TargetRequest {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Somebody else's server: notes what it is sent, and answers as it is told. */
export class HttpTarget {
  readonly requests: TargetRequest[] = [];
  /** The status of the next answers; `'lost'`: the connection ends without one. With none left, 204. */
  readonly answers: (number | 'lost')[] = [];
  private readonly server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { url = '', headers } = request;
      this.requests.push({ path: url, headers, body: Buffer.concat(chunks).toString() });
      this.answer(response);
    });
  });

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private answer(response: ServerResponse): void {
    const status = this.answers.shift() ?? 204;
    if (status === 'lost') response.destroy();
    else response.writeHead(status).end();
  }
}
