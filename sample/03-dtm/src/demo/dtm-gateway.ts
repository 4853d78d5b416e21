import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** How many requests are to be held back. */
export interface Hold {
  readonly submits: number;
  readonly prepares: number;
}

/**
 * The connection between the order service and DTM. It passes everything on, until it is told to hold some requests
 * back. This shows where in the protocol the process is at that moment.
 */
export class DtmGateway {
  /** The gids of all jobs that went through. */
  readonly gids = new Set<string>();
  /** The gids of the jobs whose Submit was dropped: their transactions have committed, and DTM does not know. */
  readonly heldSubmits: string[] = [];
  /** The gids of the jobs whose Prepare reached DTM but whose answer was dropped: their transactions are open. */
  readonly heldPrepares: string[] = [];
  private limit: Hold = { submits: 0, prepares: 0 };

  private constructor(
    private readonly target: string,
    private readonly server: Server,
  ) {}

  static async start(target: string): Promise<DtmGateway> {
    const server = createServer();
    const gateway = new DtmGateway(target, server);
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      gateway.pass(request, response).catch(() => response.destroy());
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    return gateway;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Holds back the next requests: first Submits, then the answers to Prepares. */
  hold(limit: Hold): void {
    this.limit = limit;
  }

  /** Whether all requested calls are held back. */
  get isHolding(): boolean {
    const { submits, prepares } = this.limit;
    const { heldSubmits, heldPrepares } = this;
    return submits > 0 && heldSubmits.length === submits && heldPrepares.length === prepares;
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }

  private async pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET', url = '/' } = request;
    const body = method === 'POST' ? await text(request) : undefined;
    if (url.endsWith('/submit') && this.heldSubmits.length < this.limit.submits) {
      this.heldSubmits.push(gidIn(body));
      return;
    }
    const answer = await fetch(this.target + url, {
      method,
      ...(body !== undefined && { body, headers: { 'content-type': 'application/json' } }),
    });
    const content = await answer.text();
    if (url.endsWith('/prepare')) this.gids.add(gidIn(body));
    const submitsHeld = this.heldSubmits.length === this.limit.submits;
    if (url.endsWith('/prepare') && submitsHeld && this.heldPrepares.length < this.limit.prepares) {
      this.heldPrepares.push(gidIn(body));
      return;
    }
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(content);
  }
}

function gidIn(body: string | undefined): string {
  return (JSON.parse(body ?? '') as { gid: string }).gid;
}
