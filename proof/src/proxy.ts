import { connect, createServer, type Server, type Socket } from 'node:net';

/** What the proxy does to a connection at the next COMMIT, or at once. */
export type CommitFate = 'lost' | 'answer-lost';

/** A proxy between the application and a database server that breaks connections as networks do. */
export class NetworkProxy {
  private readonly pairs = new Set<{ client: Socket; upstream: Socket; silent: boolean }>();
  private readonly server: Server;
  private stalled = false;
  private commitFate: (() => CommitFate | undefined) | undefined;
  /** Number of COMMITs that were interfered with. */
  caught = 0;

  private targets: readonly URL[];
  private accepted = 0;

  private constructor(target: URL) {
    this.targets = [target];
    this.server = createServer((client) => this.accept(client));
  }

  static async start(url: string): Promise<NetworkProxy> {
    const proxy = new NetworkProxy(new URL(url));
    await new Promise<void>((resolve) => proxy.server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get url(): string {
    const url = new URL(this.targets[0]!);
    url.hostname = '127.0.0.1';
    url.port = String((this.server.address() as { port: number }).port);
    return url.href;
  }

  /** Connections that are opened from now on lead to these servers in turn. Those that are open stay as they are. */
  redirect(...urls: readonly [string, ...string[]]): void {
    this.targets = urls.map((url) => new URL(url));
  }

  /** Passes nothing on, in either direction, until told otherwise. */
  stall(stalled: boolean): void {
    this.stalled = stalled;
    for (const { client, upstream } of this.pairs) {
      for (const socket of [client, upstream]) {
        if (stalled) socket.pause();
        else socket.resume();
      }
    }
  }

  /** The connections that are open now say nothing any more, and stay open: a host that has vanished. Returns their number. */
  silence(): number {
    for (const pair of this.pairs) pair.silent = true;
    return this.pairs.size;
  }

  /** Closes the application's half of each connection, or the whole connection. */
  cut(how: 'half' | 'whole'): number {
    for (const { client, upstream } of this.pairs) {
      if (how === 'half') client.end();
      else {
        client.destroy();
        upstream.destroy();
      }
    }
    return this.pairs.size;
  }

  /** Decides for each COMMIT that passes. */
  atCommit(fate: (() => CommitFate | undefined) | undefined): void {
    this.commitFate = fate;
  }

  async stop(): Promise<void> {
    this.cut('whole');
    await new Promise((resolve) => this.server.close(resolve));
  }

  private accept(client: Socket): void {
    const target = this.targets[this.accepted++ % this.targets.length]!;
    const upstream = connect(Number(target.port), target.hostname);
    const pair = { client, upstream, silent: false };
    this.pairs.add(pair);
    let answerLost = false;
    const end = (): void => {
      this.pairs.delete(pair);
      client.destroy();
      upstream.destroy();
    };
    client.on('error', end).on('close', end);
    upstream.on('error', end).on('close', end);
    client.on('data', (data) => {
      if (pair.silent) return;
      const fate = this.commitFate && data.includes('COMMIT') ? this.commitFate() : undefined;
      if (fate !== undefined) this.caught += 1;
      if (fate === 'lost') return end();
      if (fate === 'answer-lost') answerLost = true;
      upstream.write(data);
    });
    upstream.on('data', (data) => {
      if (pair.silent) return;
      if (answerLost) return end();
      client.write(data);
    });
    if (this.stalled) {
      client.pause();
      upstream.pause();
    }
  }
}
