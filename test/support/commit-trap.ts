import { connect, createServer, type Socket } from 'node:net';

/** What happens to a COMMIT that the proxy was told to look out for. */
export type CommitFate =
  /** It is never passed on, and the connection dies. */
  | 'lost'
  /** It is passed on, and the connection dies when the answer comes. */
  | 'applied'
  /** It is passed on when `release()` is called. */
  | 'late';

interface Trap {
  readonly marker: string;
  readonly fate: CommitFate;
}

/**
 * Stands between an application and its database server, and does to one COMMIT what networks do: to the one
 * that comes on the connection over which a text was sent before.
 */
export class DatabaseProxy {
  private trap: Trap | undefined;
  private readonly held: (() => void)[] = [];
  private readonly sockets = new Set<Socket>();
  private readonly server = createServer((client) => this.accept(client));
  /** How many COMMITs have met their fate. */
  caught = 0;

  private constructor(private readonly target: URL) {}

  static async start(databaseUrl: string): Promise<DatabaseProxy> {
    const proxy = new DatabaseProxy(new URL(databaseUrl));
    await new Promise<void>((resolve) => proxy.server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  /** The database's address, by way of this proxy. */
  get url(): string {
    const url = new URL(this.target);
    const address = this.server.address();
    url.hostname = '127.0.0.1';
    url.port = String(typeof address === 'object' && address ? address.port : 0);
    return url.href;
  }

  /** Looks out for the COMMIT of the transaction that sends `marker`; also when it has sent it already. */
  catchCommit(marker: string, fate: CommitFate): void {
    this.trap = { marker, fate };
  }

  /** Passes the COMMITs on that were held back, and everything behind them. */
  release(): void {
    for (const pass of this.held.splice(0)) pass();
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private accept(client: Socket): void {
    const server = connect(Number(this.target.port), this.target.hostname);
    for (const socket of [client, server]) {
      this.sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => this.sockets.delete(socket));
    }
    const kill = () => {
      client.destroy();
      server.destroy();
    };
    client.on('close', kill);
    server.on('close', kill);

    let sent = '';
    let answered: (data: Buffer) => void = (data) => void client.write(data);
    let pass: (data: Buffer) => void = (data) => void server.write(data);
    client.on('data', (data) => {
      const text = data.toString('latin1');
      sent = (sent + text).slice(-20_000);
      if (this.trap && text.includes('COMMIT') && sent.includes(this.trap.marker)) {
        const { fate } = this.trap;
        this.trap = undefined;
        this.caught += 1;
        if (fate === 'lost') return kill();
        if (fate === 'applied') answered = kill;
        if (fate === 'late') {
          const waiting: Buffer[] = [];
          pass = (chunk) => void waiting.push(chunk);
          this.held.push(() => {
            pass = (chunk) => void server.write(chunk);
            for (const chunk of waiting) pass(chunk);
          });
        }
      }
      pass(data);
    });
    server.on('data', (data) => answered(data));
  }
}
