import type { ProxiedConnection, TcpProxy } from './tcp-proxy.js';

/** What happens to a COMMIT that the trap is set for. */
export type CommitFate =
  /** It is never passed on, and the connection dies. */
  | 'lost'
  /** It is passed on, and the connection dies when the answer comes. */
  | 'applied'
  /** It is passed on when `release()` is called. */
  | 'late';

/**
 * Does to one COMMIT on its way to the database what networks do: to the one that comes on the connection over which a
 * text was sent before.
 */
export class CommitTrap {
  /** How many COMMITs have met their fate. */
  caught = 0;
  private next: { readonly marker: string; readonly fate: CommitFate } | undefined;
  private readonly held: (() => void)[] = [];

  constructor(proxy: TcpProxy) {
    proxy.onConnection = (connection) => this.watch(connection);
  }

  /** Sets the trap for the transaction that sends `marker`, or has sent it already. */
  set(marker: string, fate: CommitFate): void {
    this.next = { marker, fate };
  }

  /** Passes the COMMITs on that were held back, and everything behind them. */
  release(): void {
    for (const pass of this.held.splice(0)) pass();
  }

  private watch(connection: ProxiedConnection): void {
    const { toServer: pass } = connection;
    let sent = '';
    connection.toServer = (data) => {
      const text = data.toString('latin1');
      sent = (sent + text).slice(-20_000);
      if (!this.next || !text.includes('COMMIT') || !sent.includes(this.next.marker)) return pass(data);
      const { fate } = this.next;
      this.next = undefined;
      this.caught += 1;
      if (fate === 'lost') return connection.destroy();
      if (fate === 'late') return this.holdBack(connection, data, pass);
      connection.toClient = connection.destroy;
      pass(data);
    };
  }

  /** What is on its way arrives, also when the client closes the connection meanwhile. */
  private holdBack(connection: ProxiedConnection, first: Buffer, pass: (data: Buffer) => void): void {
    const { clientGone } = connection;
    const waiting = [first];
    let gone = false;
    connection.toServer = (data) => void waiting.push(data);
    connection.clientGone = () => (gone = true);
    this.held.push(() => {
      Object.assign(connection, { toServer: pass, clientGone });
      for (const data of waiting) pass(data);
      if (gone) clientGone();
    });
  }
}
