import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { Tap, type Answer, type Outgoing, type Reply } from './tap.js';

const ANSWERS: Readonly<Record<number, Answer>> = {
  200: 'success',
  400: 'invalid',
  401: 'unauthenticated',
  409: 'failure',
  425: 'ongoing',
  500: 'error',
};
/** Of the connection, not of the message. */
const OF_THE_CONNECTION: readonly string[] = ['connection', 'content-length', 'host', 'transfer-encoding'];

interface HttpReply extends Reply {
  readonly status: number;
}

export class HttpTap extends Tap {
  private constructor(
    private readonly server: Server,
    readonly address: string,
    private readonly target: string,
  ) {
    super();
  }

  static async start(target: string): Promise<HttpTap> {
    const server = createServer((request, response) => void tap.answer(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const tap = new HttpTap(server, `http://127.0.0.1:${port}`, target);
    return tap;
  }

  send(request: Outgoing): Promise<HttpReply> {
    return this.forward(request);
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(request);
    const path = request.url!;
    const { pathname, searchParams } = new URL(path, this.address);
    const arrived = {
      path,
      name: pathname.split('/').at(-1)!,
      method: request.method!,
      headers: headersOf(request),
      body,
      gid: searchParams.get('gid') ?? gidOf(body),
      branchId: searchParams.get('branch_id') ?? '',
      deadline: undefined,
    };
    const reply = await this.pass(arrived, () => this.forward(arrived));
    if (!reply) return void request.socket.destroy();
    response.writeHead(reply.status, { 'content-type': 'application/json' }).end(reply.text);
  }

  private async forward({ path, method = 'POST', headers = {}, body }: Outgoing): Promise<HttpReply> {
    const sent = new Headers({ connection: 'close' });
    for (const [name, values] of Object.entries(headers)) {
      if (!OF_THE_CONNECTION.includes(name)) for (const value of values) sent.append(name, value);
    }
    const content = method === 'GET' || !body ? {} : { body: new Uint8Array(body) };
    try {
      const response = await fetch(`${this.target}${path}`, { method, headers: sent, ...content });
      const { status } = response;
      return { status, answer: ANSWERS[status] ?? `other ${status}`, text: await response.text() };
    } catch (error) {
      return { status: 0, answer: 'unreachable', text: String(error) };
    }
  }
}

function headersOf({ headersDistinct }: IncomingMessage): Record<string, string[]> {
  return { ...headersDistinct } as Record<string, string[]>;
}

function gidOf(body: Buffer): string {
  try {
    return (JSON.parse(body.toString()) as { gid?: string }).gid ?? '';
  } catch {
    return '';
  }
}
