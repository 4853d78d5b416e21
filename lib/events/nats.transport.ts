import { SingleFlight } from '../core/single-flight.js';
import { isRecord, readOptions } from '../core/options.js';
import { untilAborted } from './confirmation.js';
import type {
  ClientToken,
  ClientTransport,
  EventMessage,
  EventProblem,
  EventTransport,
} from './event-transport.js';
import { MESSAGE_ID } from './message-id.js';
import { NatsRefusals, type NatsStatusSource } from './nats-refusals.js';
import {
  clientOf,
  clientOption,
  connect,
  connectionOf,
  serialized,
  textsOption,
  type NestClient,
} from './nest-client.js';

/**
 * Settings of `natsTransport()`.
 *
 * @publicApi
 */
export interface NatsTransportOptions {
  /** The token of a `ClientNats`. */
  readonly client: ClientToken;
}

/**
 * Publishes events to NATS over the connection of a `ClientNats`. An event counts as published when the server has taken it. NATS keeps nothing, and
 * does not tell whether anybody listens to the subject: an event without a listener is gone.
 *
 * @throws InvalidOptionError for options that cannot be.
 * @publicApi
 */
export function natsTransport(options: NatsTransportOptions): ClientTransport {
  const { client } = readOptions(options, 'natsTransport', { client: clientOption });
  return {
    client,
    connect: (given) =>
      new NatsTransport(
        clientOf(given, 'createSubscriptionHandler', 'a ClientNats of @nestjs/microservices'),
      ),
  };
}

interface NatsHeaders {
  set(name: string, value: string): void;
}

interface NatsClient extends NestClient {
  /** The headers of the client's own package, with those of `options` in them. */
  mergeHeaders(given: unknown): NatsHeaders;
}

/** A connection of `nats`, or of `@nats-io/transport-node`. */
interface NatsConnection extends NatsStatusSource {
  publish(subject: string, data: unknown, options: { headers: NatsHeaders }): void;
  flush(): Promise<void>;
  /** It fails at once where there is no connection. */
  rtt(): Promise<number>;
  isClosed(): boolean;
}

/** Tokens between dots; wildcards are for those who listen. */
const SUBJECT = /^[^\s.*>]+(?:\.[^\s.*>]+)*$/;

class NatsTransport implements EventTransport {
  readonly confirms = 'server';
  private readonly connecting = new SingleFlight(() => this.connect());
  private refusals: NatsRefusals | undefined;

  constructor(private readonly client: NatsClient) {}

  check({ pattern }: Pick<EventMessage, 'pattern'>): EventProblem | undefined {
    if (SUBJECT.test(pattern)) return undefined;
    return {
      path: 'args.pattern',
      reason: 'must be a subject: words between dots, without spaces, * and >.',
    };
  }

  async publish(event: EventMessage): Promise<void> {
    const { signal, pattern, payload } = event;
    const connection = await untilAborted(signal, this.connecting.run());
    // A client that is not connected keeps what it is given; a server that does not answer would get it with every attempt.
    await untilAborted(signal, connection.rtt());
    const packet = await untilAborted(signal, serialized(this.client, pattern, payload));
    const { data, headers } = isRecord(packet) ? packet : { data: packet, headers: undefined };
    if (this.refusals?.connection !== connection) this.refusals = new NatsRefusals(connection);
    await this.refusals.watched(pattern, async () => {
      connection.publish(pattern, data, { headers: this.headersOf(event, headers) });
      await untilAborted(signal, connection.flush());
    });
  }

  private async connect(): Promise<NatsConnection> {
    try {
      await connect(this.client);
    } catch (error) {
      await this.reset();
      throw error;
    }
    const connection = this.connection();
    if (connection && !connection.isClosed()) return connection;
    await this.reset();
    throw new Error('the connection was closed');
  }

  /** Before NestJS 12, a client that could not connect, or has given up, never does so again. */
  private async reset(): Promise<void> {
    if (this.connection()?.isClosed() ?? true) await this.client.close();
  }

  private connection(): NatsConnection | undefined {
    return connectionOf(this.client, 'natsClient');
  }

  /** Only the client knows the class of its headers. */
  private headersOf({ id, headers: given }: EventMessage, serializers: unknown): NatsHeaders {
    const headers = { ...textsOption(this.client, 'headers'), ...given, [MESSAGE_ID]: id };
    const client = Object.create(this.client, { options: { value: { headers } } }) as NatsClient;
    const merged = client.mergeHeaders(serializers);
    // A serializer may have headers of its own, which stay otherwise.
    merged.set(MESSAGE_ID, id);
    return merged;
  }
}
