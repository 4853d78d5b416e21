import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

const DEFAULT_PORT = 5672;

/** Stands between the services and their broker, which can so be away without being stopped. */
export class BrokerProxy {
  private readonly sockets = new Set<Socket>();
  private away = false;
  private muted = false;
  private heard = 0;

  private constructor(
    private readonly server: Server,
    private readonly target: URL,
  ) {
    server.on('connection', (client) => this.join(client));
  }

  static async start(url: string): Promise<BrokerProxy> {
    const server = createServer();
    const proxy = new BrokerProxy(server, new URL(url));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  /** The broker by way of this proxy. */
  get url(): string {
    const url = new URL(this.target);
    url.hostname = '127.0.0.1';
    url.port = String((this.server.address() as AddressInfo).port);
    return url.href;
  }

  /** How many bytes the broker has got since it was muted. */
  get heardWhileMuted(): number {
    return this.heard;
  }

  /** The broker gets what the services send, and none of its answers arrives. Ends with `cut()`. */
  mute(): void {
    this.muted = true;
    this.heard = 0;
  }

  /** Ends all connections, and lets no other come about. */
  cut(): void {
    this.away = true;
    this.muted = false;
    for (const socket of this.sockets) socket.destroy();
  }

  restore(): void {
    this.away = false;
  }

  /** Leaves nothing open. */
  close(): void {
    this.cut();
    this.server.close();
  }

  private join(client: Socket): void {
    this.guard(client);
    if (this.away) {
      client.destroy();
      return;
    }
    const { hostname, port } = this.target;
    const broker = connect(Number(port || DEFAULT_PORT), hostname.replace(/^\[(.*)\]$/, '$1'));
    this.guard(broker);
    client.on('data', (data) => {
      if (this.muted) this.heard += data.length;
      broker.write(data);
    });
    broker.on('data', (data) => {
      if (!this.muted) client.write(data);
    });
    client.on('end', () => broker.end()).once('close', () => broker.destroy());
    broker.on('end', () => client.end()).once('close', () => client.destroy());
  }

  private guard(socket: Socket): void {
    this.sockets.add(socket);
    socket.on('error', () => undefined).once('close', () => this.sockets.delete(socket));
  }
}
