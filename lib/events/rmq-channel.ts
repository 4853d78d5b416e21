import { errorText } from '../errors/error-text.js';
import { untilAborted } from './confirmation.js';

type Listen = (event: string, listener: (argument: any) => void) => unknown;

/** A connection of amqplib. */
export interface RmqConnection {
  createConfirmChannel(): Promise<RawChannel>;
  on: Listen;
  removeListener: Listen;
}

/** A confirm channel of amqplib. */
export interface RawChannel {
  publish(
    exchange: string,
    routingKey: string,
    content: Buffer,
    options: object,
    confirmed: (error: unknown) => void,
  ): boolean;
  close(): Promise<void>;
  on: Listen;
}

/** A message as amqplib takes it. */
export interface RmqMessage {
  readonly exchange: string;
  readonly routingKey: string;
  readonly content: Buffer;
  readonly options: { readonly messageId: string };
}

/** What the broker has been given and has not confirmed yet. */
interface Unconfirmed {
  readonly id: string;
  fail(problem: unknown): void;
}

/** A confirm channel, from its opening to its end. */
export class RmqChannel {
  private readonly unconfirmed = new Set<Unconfirmed>();
  private readonly drains = new Set<() => void>();
  private problem: unknown;
  private closed = false;
  private retired = false;
  private full = false;
  private blocked: string | undefined;

  static async open(connection: RmqConnection): Promise<RmqChannel> {
    return new RmqChannel(await connection.createConfirmChannel(), connection);
  }

  private constructor(
    private readonly raw: RawChannel,
    connection: RmqConnection,
  ) {
    const block = (reason: unknown): void => this.block(reason);
    const unblock = (): void => void (this.blocked = undefined);
    connection.on('blocked', block);
    connection.on('unblocked', unblock);
    raw.on('error', (error) => (this.problem = error));
    raw.on('return', (message) => this.returned(message));
    raw.on('drain', () => this.drained());
    raw.on('close', () => {
      connection.removeListener('blocked', block);
      connection.removeListener('unblocked', unblock);
      this.end();
    });
  }

  /** Whether something may still be published on it. */
  get usable(): boolean {
    return !this.closed && !this.retired;
  }

  /** Resolves when the broker has confirmed the message; rejects with anything else that becomes of it. */
  async publish(message: RmqMessage, signal: AbortSignal): Promise<void> {
    // What amqplib has no room for, it would keep in memory.
    while (this.full && !this.closed) await untilAborted(signal, this.drain());
    signal.throwIfAborted();
    if (this.closed) throw this.problem;
    if (this.blocked !== undefined) throw new Error(this.blocked);
    await new Promise<void>((resolve, reject) => {
      const settle = (end: () => void): void => {
        signal.removeEventListener('abort', abort);
        this.unconfirmed.delete(entry);
        end();
        if (this.retired && this.unconfirmed.size === 0) this.close();
      };
      const fail = (problem: unknown): void => settle(() => reject(problem as Error));
      const abort = (): void => {
        // It may never be confirmed. With a channel of its own, the next attempt leaves nothing behind here.
        this.retired = true;
        fail(signal.reason);
      };
      const entry: Unconfirmed = { id: message.options.messageId, fail };
      this.unconfirmed.add(entry);
      signal.addEventListener('abort', abort, { once: true });
      try {
        this.full = !this.raw.publish(
          message.exchange,
          message.routingKey,
          message.content,
          message.options,
          (error) => (error == null ? settle(resolve) : fail(this.problem ?? error)),
        );
      } catch (error) {
        // Some versions of amqplib have counted the message all the same, and would take the confirmations of others for its.
        this.retired = true;
        fail(error);
      }
    });
  }

  /** Does not wait: a broker that is silent does not answer. */
  close(): void {
    this.retired = true;
    if (this.closed) return;
    // Closing a channel that has just ended throws, at once or later.
    void (async () => this.raw.close())().catch(() => undefined);
  }

  private drain(): Promise<void> {
    return new Promise((resolve) => this.drains.add(resolve));
  }

  private drained(): void {
    this.full = false;
    for (const resume of this.drains) resume();
    this.drains.clear();
  }

  private returned(message: {
    fields?: { replyText?: unknown };
    properties?: { messageId?: unknown };
  }): void {
    const problem = new Error(`no queue is bound for it (${String(message.fields?.replyText)})`);
    for (const entry of this.unconfirmed) if (entry.id === message.properties?.messageId) entry.fail(problem);
  }

  private block(reason: unknown): void {
    this.blocked = `RabbitMQ takes no messages at present${reason ? ` (${errorText(reason)})` : ''}`;
    for (const { fail } of this.unconfirmed) fail(new Error(this.blocked));
  }

  private end(): void {
    this.closed = true;
    this.problem ??= new Error('the channel was closed');
    for (const { fail } of this.unconfirmed) fail(this.problem);
    this.drained();
  }
}
