import { createHash } from 'node:crypto';
import { LineLogger } from '../../core/line-logger.js';
import { detached } from '../../core/detached.js';
import type { DataSourceLike } from '../../core/transactions/typeorm.types.js';
import type { JobNotifications, NotificationTopic } from '../dialect.js';
import type { ClientBeside, SourceBeside } from '../connections/connection-beside.js';
import { queryClient } from './postgres.clients.js';
import { inTime } from '../connections/in-time.js';
import type { InternalConnection } from '../connections/internal.connection.js';
import { errorText } from '../../errors/error-text.js';

const RECONNECT_MS = 5_000;
/** A connection that was there for so long is missed only when no other can be had. */
const STEADY_MS = 1_000;
/** After which one that the server has closed is opened again: it may have lain idle for too long. */
const REOPEN_MS = 100;
const END_MS = 1_000;

/** Notifications of the library carry at most a word. */
const NOTIFICATION_BYTES = 64;
/** What a notification about the controls carries. */
const CONTROLS = 'controls';
/** More in one second are a flood: reading them would take a noticeable part of the CPU. */
const FLOOD_BYTES = 1024 * 1024;
const FLOOD_WINDOW_MS = 1_000;
/** A flood is logged again after so long without one. */
const FLOOD_QUIET_MS = 60_000;

/**
 * PostgreSQL's LISTEN and NOTIFY for one job table.
 *
 * LISTEN needs a connection of its own, outside the pool. Where it cannot have one (PgBouncer, a closed port), jobs are
 * found by polling, and connecting is tried again meanwhile.
 *
 * Any role that may connect to the database can notify this channel, with 8,000 bytes each time. The driver parses whatever
 * the server sends, and the server keeps what is not read. So in a flood the connection is closed for a while.
 */
export class PostgresNotifications implements JobNotifications {
  private readonly logger = new LineLogger(PostgresNotifications.name);
  private readonly channel: string;
  private client: any;
  private timer: NodeJS.Timeout | undefined;
  private closed = false;
  private warned = false;
  private notifying: Promise<void> | undefined;
  /** What is still to be told. */
  private readonly untold = new Set<NotificationTopic>();
  private listening = false;
  /** By `performance.now()`. */
  private listensSince = 0;
  /** Set while the connection is being opened. */
  private opening: Promise<void> | undefined;
  private onNotification: (topic: NotificationTopic) => void = () => undefined;
  private turn = Promise.resolve();
  private receivedBytes = 0;
  private receivedSince = -Infinity;
  private lastFlood = -Infinity;
  readonly beside: SourceBeside = { take: () => this.take(), close: () => Promise.resolve() };

  constructor(
    private readonly dataSource: DataSourceLike,
    private readonly connection: InternalConnection,
    /** The qualified name of the jobs table: processes with other tables are not woken. */
    jobsTable: string,
    private readonly statementTimeout: () => number,
  ) {
    const digest = createHash('sha256').update(jobsTable).digest('hex').slice(0, 16);
    this.channel = `stepping_${digest}`;
  }

  /** Calls `onNotification` for every notification, until `close()`. */
  async listen(onNotification: (topic: NotificationTopic) => void): Promise<void> {
    if (this.closed) return;
    this.onNotification = onNotification;
    try {
      this.opening = this.connect(onNotification);
      await this.opening;
    } catch (error) {
      this.lost(onNotification, error as Error);
    } finally {
      this.opening = undefined;
    }
  }

  /**
   * Notifies the other processes. Outside every transaction: NOTIFY inside one makes commits queue up behind each other.
   * Calls during a notification share the next one.
   */
  notify(topic: NotificationTopic = 'jobs'): void {
    this.untold.add(topic);
    if (this.closed) return;
    this.notifying ??= detached(() => this.send()).finally(() => (this.notifying = undefined));
  }

  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    const client = this.client;
    this.client = undefined;
    await Promise.all([this.notifying, this.end(client)]);
  }

  /** Listens on another connection: the server of this one may have been replaced. */
  reconnect(): void {
    if (this.client) this.drop(this.client);
  }

  /** One statement at a time, so that a time-out tells about its own. */
  private async take(): Promise<ClientBeside> {
    const before = this.turn;
    let leave!: () => void;
    this.turn = new Promise<void>((resolve) => (leave = resolve));
    await before;
    await this.opening?.catch(() => undefined);
    const client = this.listening && !this.dataSource.driver.master?.ending ? this.client : undefined;
    if (!client) {
      leave();
      throw new Error('The listening connection is away.');
    }
    return {
      query: (text, values) => queryClient(client, text, values),
      release: leave,
      destroy: () => {
        leave();
        this.drop(client);
      },
    };
  }

  private drop(client: any): void {
    if (client !== this.client) return;
    client.connection?.stream?.destroy();
    this.lost(this.onNotification, undefined);
  }

  private received(client: any, payload: string | undefined): void {
    if (client !== this.client) return;
    const now = performance.now();
    if (now - this.receivedSince > FLOOD_WINDOW_MS) {
      this.receivedSince = now;
      this.receivedBytes = 0;
    }
    this.receivedBytes += NOTIFICATION_BYTES + (payload?.length ?? 0);
    if (this.receivedBytes <= FLOOD_BYTES)
      return this.onNotification(payload === CONTROLS ? 'controls' : 'jobs');
    this.receivedSince = -Infinity;
    if (now - this.lastFlood > FLOOD_QUIET_MS) {
      this.logger.warn(
        `The channel ${this.channel} is flooded with notifications, as any role of the database can do. New jobs of other ` +
          'processes are found by polling meanwhile.',
      );
    }
    this.lastFlood = now;
    this.drop(client);
  }

  /** A server that has fallen silent does not agree to the end. */
  private async end(client: any): Promise<void> {
    if (!client) return;
    const ended = detached(() => client.end() as Promise<void>);
    await this.inTime(ended, END_MS).catch(() => client.connection?.stream?.destroy());
  }

  private inTime<T>(work: Promise<T>, timeout = this.statementTimeout()): Promise<T> {
    return inTime(timeout, work);
  }

  private async send(): Promise<void> {
    for (const topic of this.untold) {
      this.untold.delete(topic);
      try {
        const payload = topic === 'controls' ? CONTROLS : '';
        await this.connection.query('SELECT pg_notify($1, $2)', [this.channel, payload]);
      } catch (error) {
        this.logger.debug?.(`NOTIFY failed; polling finds the jobs: ${errorText(error)}`);
        return;
      }
    }
  }

  private async connect(onNotification: (topic: NotificationTopic) => void): Promise<void> {
    const pool = this.dataSource.driver.master;
    const Client = pool?.Client ?? pool?.options?.Client;
    if (typeof Client !== 'function') return;
    const { options } = pool;
    // The pool hides the password from copies.
    const client = new Client({ ...options, password: options.password, keepAlive: true });
    client.on('error', (error: Error) => this.lost(onNotification, error));
    client.on('end', () => this.lost(onNotification, undefined));
    client.on('notification', ({ payload }: { payload?: string }) => this.received(client, payload));
    this.client = client;
    await this.inTime(detached(() => client.connect()));
    await this.inTime(client.query(`LISTEN "${this.channel}"`));
    this.listening = true;
    this.listensSince = performance.now();
    // For notifications that were sent before.
    onNotification('jobs');
    onNotification('controls');
  }

  private lost(onNotification: (topic: NotificationTopic) => void, error: Error | undefined): void {
    if (this.closed || this.timer) return;
    const client = this.client;
    const steady = this.listening && performance.now() - this.listensSince >= STEADY_MS;
    // Not with each connection: some servers close every one soon, and would be told of for ever.
    if (steady) this.warned = false;
    this.client = undefined;
    this.listening = false;
    client?.removeAllListeners('end');
    void this.end(client);
    if (error && !steady && !this.warned) {
      this.warned = true;
      this.logger.warn(
        `LISTEN is not available, new jobs of other processes are found by polling: ${errorText(error)}`,
      );
    }
    this.timer = detached(() =>
      setTimeout(
        () => {
          this.timer = undefined;
          void this.listen(onNotification);
        },
        error && steady ? REOPEN_MS : RECONNECT_MS,
      ),
    );
  }
}
