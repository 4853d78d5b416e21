import { connect, createServer, type Server, type Socket } from 'node:net';

/** A connection that is passed on; who replaces one of its functions decides what becomes of the data. */
export interface ProxiedConnection {
  toServer(data: Buffer): void;
  toClient(data: Buffer): void;
  clientGone(): void;
  destroy(): void;
}

/** Stands before a server, which can so be away for a while without being stopped, or before several, one of which answers. */
export class TcpProxy {
  /** Sees each connection before its data. */
  onConnection: (connection: ProxiedConnection) => void = () => undefined;
  private readonly sockets = new Set<Socket>();
  private server: Server | undefined;
  private listeningAt = 0;

  private constructor(private targets: readonly { readonly host: string; readonly port: number }[]) {}

  /** Before the server of a URL; without one, before those that are added. */
  static async start(url?: string): Promise<TcpProxy> {
    const { hostname: host, port } = new URL(url ?? 'tcp://127.0.0.1');
    const proxy = new TcpProxy(url === undefined ? [] : [{ host, port: Number(port) }]);
    await proxy.up();
    return proxy;
  }

  /** Before several servers, which get a connection in turn. */
  static async inTurn(urls: readonly string[]): Promise<TcpProxy> {
    const proxy = await TcpProxy.start();
    proxy.targets = urls.map((url) => ({ host: new URL(url).hostname, port: Number(new URL(url).port) }));
    proxy.onConnection = () => void (proxy.targets = [...proxy.targets.slice(1), proxy.targets[0]!]);
    return proxy;
  }

  get port(): number {
    return this.listeningAt;
  }

  /** The URL of a server by way of this proxy. */
  through(url: string): string {
    const address = new URL(url);
    address.hostname = '127.0.0.1';
    address.port = String(this.port);
    return address.href;
  }

  /** A further server; the newest one that takes a connection gets it, as after a deployment. */
  add(port: number): void {
    this.targets = [{ host: '127.0.0.1', port }, ...this.targets];
  }

  async up(): Promise<void> {
    const server = createServer((client) => {
      this.guard(client);
      void this.route(client);
    });
    await new Promise<void>((resolve) => server.listen(this.listeningAt, '127.0.0.1', resolve));
    this.listeningAt = (server.address() as { port: number }).port;
    this.server = server;
  }

  /** The connections of now pass nothing on any more, and are not ended: a failed-over server, or a forgotten NAT entry. */
  silence(): void {
    for (const socket of this.sockets) {
      socket.removeAllListeners('data').removeAllListeners('end').removeAllListeners('close');
      socket.once('close', () => this.sockets.delete(socket)).resume();
    }
  }

  /** Ends all connections and takes no new ones. */
  async down(): Promise<void> {
    const { server } = this;
    this.server = undefined;
    const closed = new Promise((resolve) => server?.close(resolve) ?? resolve(undefined));
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }

  private async route(client: Socket): Promise<void> {
    for (const { host, port } of this.targets) {
      const server = await this.reach(host, port);
      if (server) return client.destroyed ? void server.destroy() : this.join(client, server);
    }
    client.destroy();
  }

  private reach(host: string, port: number): Promise<Socket | undefined> {
    return new Promise((resolve) => {
      const socket = connect(port, host);
      this.guard(socket);
      socket.once('connect', () => resolve(socket)).once('close', () => resolve(undefined));
    });
  }

  private join(client: Socket, server: Socket): void {
    const connection: ProxiedConnection = {
      toServer: (data) => void server.write(data),
      toClient: (data) => void client.write(data),
      clientGone: () => void server.end(),
      destroy: () => {
        client.destroy();
        server.destroy();
      },
    };
    this.onConnection(connection);
    const gone = () => connection.clientGone();
    client
      .on('data', (data) => connection.toServer(data))
      .on('end', gone)
      .once('close', gone);
    server
      .on('data', (data) => connection.toClient(data))
      .on('end', () => client.end())
      .once('close', connection.destroy);
  }

  private guard(socket: Socket): void {
    this.sockets.add(socket);
    socket.on('error', () => undefined).once('close', () => this.sockets.delete(socket));
  }
}
