import { InvalidOptionError } from '../errors/index.js';
import { checkedOption, isRecord, readOptions } from '../core/options.js';
import { untilAborted } from './confirmation.js';
import type { ClientToken, ClientTransport, EventMessage, EventTransport } from './event-transport.js';
import { MESSAGE_ID } from './message-id.js';
import {
  clientOf,
  clientOption,
  connected,
  connectionOf,
  serialized,
  textOption,
  textsOption,
  type NestClient,
} from './nest-client.js';
import { guardChannels, type NestChannel } from './rmq-client-channels.js';
import { RmqChannel, type RmqConnection, type RmqMessage } from './rmq-channel.js';

/**
 * Settings of `rmqTransport()`.
 *
 * @publicApi
 */
export interface RmqTransportOptions {
  /** The token of a `ClientRMQ`. */
  readonly client: ClientToken;
  /**
   * The exchange that events are published to; it must be there. Default: where the client's own `emit()` publishes, which is its queue
   * unless it has `wildcards` or a fanout exchange.
   */
  readonly exchange?: string;
  /** The routing key of all events. Default: the pattern of each with an exchange, else the queue of the client. */
  readonly routingKey?: string;
}

/**
 * Publishes events to RabbitMQ over the connection of a `ClientRMQ`, on a confirm channel of its own: persistent and mandatory. An event counts as
 * published when the broker has confirmed it, and has put it into at least one queue.
 *
 * @throws InvalidOptionError for options that cannot be.
 * @publicApi
 */
export function rmqTransport(options: RmqTransportOptions): ClientTransport {
  const { client, exchange, routingKey } = readOptions(options, 'rmqTransport', OPTIONS);
  return {
    client,
    connect: (given) => {
      const rmq = clientOf<RmqClient>(given, 'setupChannel', 'a ClientRMQ of @nestjs/microservices');
      return new RmqTransport(rmq, placeOf(rmq, exchange, routingKey));
    },
  };
}

/** AMQP sends names with one byte for their length. */
const MAX_NAME_BYTES = 255;

const nameOption = checkedOption<string>(isAmqpName, 'a text of 1 to 255 bytes');

const OPTIONS = { client: clientOption, exchange: nameOption, routingKey: nameOption };

function isAmqpName(value: unknown): boolean {
  return typeof value === 'string' && value !== '' && Buffer.byteLength(value) <= MAX_NAME_BYTES;
}

interface RmqClient extends NestClient {
  readonly queue?: string;
  readonly channel?: NestChannel | null;
}

/** Of amqp-connection-manager. */
interface ConnectionManager {
  isConnected(): boolean;
  readonly connection?: RmqConnection;
}

interface Place {
  readonly exchange: string;
  /** The pattern of the event where it is undefined. */
  readonly routingKey: string | undefined;
}

function placeOf(client: RmqClient, exchange: string | undefined, routingKey: string | undefined): Place {
  if (exchange !== undefined) return { exchange, routingKey };
  const { queue, options } = client;
  const isOfExchange = options?.['wildcards'] === true || options?.['exchangeType'] === 'fanout';
  const own = isOfExchange ? (textOption(client, 'exchange') ?? queue) : undefined;
  if (own) return { exchange: own, routingKey };
  const key = routingKey ?? queue;
  if (key) return { exchange: '', routingKey: key };
  throw new InvalidOptionError(
    'exchange',
    undefined,
    "the name of an exchange, since the client has no 'queue'",
  );
}

class RmqTransport implements EventTransport {
  readonly confirms = 'broker';
  private current:
    | { readonly connection: RmqConnection; readonly opening: Promise<RmqChannel>; channel?: RmqChannel }
    | undefined;

  constructor(
    private readonly client: RmqClient,
    private readonly place: Place,
  ) {
    guardChannels(client);
  }

  check({ pattern }: Pick<EventMessage, 'pattern'>): ReturnType<NonNullable<EventTransport['check']>> {
    if (this.place.routingKey !== undefined || isAmqpName(pattern)) return undefined;
    return { path: 'args.pattern', reason: `must have at most ${MAX_NAME_BYTES} bytes, as a routing key.` };
  }

  async publish(event: EventMessage): Promise<void> {
    const { signal } = event;
    const connection = await this.connection(signal);
    const channel = await untilAborted(signal, this.channelOn(connection));
    const message = await untilAborted(signal, this.messageOf(event));
    await channel.publish(message, signal);
  }

  async close(): Promise<void> {
    const { current } = this;
    this.current = undefined;
    await current?.opening.then(
      (channel) => channel.close(),
      () => undefined,
    );
  }

  private async connection(signal: AbortSignal): Promise<RmqConnection> {
    const { client } = this;
    try {
      return await connected(client, 'RabbitMQ', signal, () => this.ready());
    } catch (error) {
      // The client of NestJS 10 never makes a channel, and so no queue, after it has once failed to connect.
      if (!signal.aborted && !client.unwrap && !client.channel) await client.close();
      throw error;
    }
  }

  private ready(): RmqConnection | undefined {
    const manager = connectionOf<ConnectionManager>(this.client, 'client');
    return manager?.isConnected() ? manager.connection : undefined;
  }

  /** The channel of now; a new one after it has ended. */
  private channelOn(connection: RmqConnection): Promise<RmqChannel> {
    const { current } = this;
    if (current?.connection === connection && (current.channel?.usable ?? true)) return current.opening;
    const next: NonNullable<typeof current> = {
      connection,
      opening: RmqChannel.open(connection).then(
        (channel) => (next.channel = channel),
        (error: unknown) => {
          if (this.current === next) this.current = undefined;
          throw error;
        },
      ),
    };
    this.current = next;
    return next.opening;
  }

  private async messageOf({ id, pattern, payload, headers }: EventMessage): Promise<RmqMessage> {
    const packet = await serialized(this.client, pattern, payload);
    const { options, ...content } = isRecord(packet) ? packet : { options: undefined };
    const own = (isRecord(options) ? options : {}) as { headers?: object };
    return {
      exchange: this.place.exchange,
      routingKey: this.place.routingKey ?? pattern,
      content: Buffer.from(JSON.stringify(isRecord(packet) ? content : packet)),
      options: {
        contentType: 'application/json',
        ...own,
        persistent: true,
        mandatory: true,
        messageId: id,
        headers: { ...textsOption(this.client, 'headers'), ...own.headers, ...headers, [MESSAGE_ID]: id },
      } as RmqMessage['options'],
    };
  }
}
