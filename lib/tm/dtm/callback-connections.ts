import type { Http2Server, Http2Session, ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';

/** DTM connects in order to call. */
const STRANGER_MS = 30_000;
/** DTM connects again where it has to. */
const IDLE_MS = 600_000;
const LEAVING_MS = 5000;
/** Well below the files that a process may have open, which its databases and its own clients need as well. */
const MAX_STRANGERS = 512;

export interface ConnectionLimits {
  /** Milliseconds until a call must have been let in. */
  readonly stranger?: number;
  /** Milliseconds without another call that was. */
  readonly idle?: number;
  /** Milliseconds that a client has to leave. */
  readonly leaving?: number;
  /** Connections of which no call was let in. */
  readonly maxStrangers?: number;
}

interface Connection {
  readonly session: Http2Session;
  readonly socket: Socket;
  /** Those under way. */
  calls: number;
  timer?: NodeJS.Timeout;
}

/**
 * The connections of a server that anybody may reach. Nobody keeps one by connecting alone: those of which no call is let in are given up, the
 * oldest first where there are many. What is under way is answered before.
 */
export class CallbackConnections {
  private readonly open = new Map<Http2Session, Connection>();
  /** The oldest first. */
  private readonly strangers = new Set<Connection>();
  private readonly limits: Required<ConnectionLimits>;

  constructor(limits: ConnectionLimits = {}) {
    const defaults = {
      stranger: STRANGER_MS,
      idle: IDLE_MS,
      leaving: LEAVING_MS,
      maxStrangers: MAX_STRANGERS,
    };
    this.limits = { ...defaults, ...limits };
  }

  /** Called before the server listens. */
  watch(server: Http2Server): void {
    let session: Http2Session;
    // Node makes the session of a connection before others learn of the connection.
    server.on('session', (made) => (session = made));
    server.on('connection', (socket: Socket) => this.add({ session, socket, calls: 0 }));
    server.on('stream', (stream) => this.count(stream));
  }

  /** A call that came this way was one of DTM's. */
  letIn(session: Http2Session | undefined): void {
    const connection = session && this.open.get(session);
    if (!connection || session.closed) return;
    this.strangers.delete(connection);
    this.later(connection, this.limits.idle, () => this.close(connection));
  }

  /** Takes no more calls. */
  closeAll(): void {
    for (const { session } of this.open.values()) session.close();
  }

  cutAll(): void {
    // A session that has ended leaves its connection to a client who may never end it.
    for (const { socket } of this.open.values()) socket.destroy();
  }

  private add(connection: Connection): void {
    const { session, socket } = connection;
    const { stranger, maxStrangers } = this.limits;
    this.open.set(session, connection);
    this.strangers.add(connection);
    socket.on('close', () => {
      clearTimeout(connection.timer);
      this.open.delete(session);
      this.strangers.delete(connection);
    });
    this.later(connection, stranger, () => this.close(connection));
    if (this.strangers.size > maxStrangers) this.close(this.strangers.values().next().value!);
  }

  private count(stream: ServerHttp2Stream): void {
    const connection = stream.session && this.open.get(stream.session);
    if (!connection) return;
    connection.calls += 1;
    stream.on('close', () => (connection.calls -= 1));
  }

  private close(connection: Connection): void {
    this.strangers.delete(connection);
    connection.session.close();
    this.leave(connection);
  }

  /** Not before its calls are answered. */
  private leave(connection: Connection): void {
    const end = () => (connection.calls === 0 ? connection.socket.destroy() : this.leave(connection));
    this.later(connection, this.limits.leaving, end);
  }

  private later(connection: Connection, milliseconds: number, work: () => void): void {
    clearTimeout(connection.timer);
    connection.timer = setTimeout(work, milliseconds).unref();
  }
}
