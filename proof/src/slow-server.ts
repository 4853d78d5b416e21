import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** An HTTP server of other people. It answers nothing until it is told to. */
export class SlowServer {
  private readonly waiting = new Set<ServerResponse>();
  private delay: number | undefined;
  private readonly server = createServer((_, response) => {
    this.waiting.add(response);
    response.on('close', () => this.waiting.delete(response));
    if (this.delay !== undefined) setTimeout(() => response.end(), this.delay);
  });

  static async start(): Promise<SlowServer> {
    const slow = new SlowServer();
    await new Promise<void>((resolve) => slow.server.listen(0, '127.0.0.1', resolve));
    return slow;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/`;
  }

  /** Answers those that wait, and later ones after `delay` milliseconds; after undefined, none. */
  answerAfter(delay: number | undefined): void {
    this.delay = delay;
    if (delay !== undefined) for (const response of this.waiting) response.end();
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
