import { InvalidOptionError } from '../errors/index.js';
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
import {
  clientOf,
  clientOption,
  connected,
  connectionOf,
  serialized,
  textsOption,
  type NestClient,
} from './nest-client.js';
import { MqttInFlight, type MqttConnection } from './mqtt-in-flight.js';

/**
 * Settings of `mqttTransport()`.
 *
 * @publicApi
 */
export interface MqttTransportOptions {
  /** The token of a `ClientMqtt` with `protocolVersion: 5` in its options. */
  readonly client: ClientToken;
}

/**
 * Publishes events over MQTT 5 and the connection of a `ClientMqtt`, with QoS 1. An event counts as published when the broker has acknowledged it, and has
 * not said that nobody subscribes to the topic.
 *
 * @throws InvalidOptionError for options that cannot be; at the start of the application for a client that speaks an older version, which has no place for
 * the id.
 * @publicApi
 */
export function mqttTransport(options: MqttTransportOptions): ClientTransport {
  const { client } = readOptions(options, 'mqttTransport', { client: clientOption });
  return {
    client,
    connect: (given) => {
      const mqtt = clientOf<NestClient>(
        given,
        'createResponseCallback',
        'a ClientMqtt of @nestjs/microservices',
      );
      const version = mqtt.options?.['protocolVersion'];
      if (version === 5) return new MqttTransport(mqtt);
      throw new InvalidOptionError(
        'client.options.protocolVersion',
        version,
        '5: older versions have no place for the id of an event',
      );
    },
  };
}

/** Wildcards are for those who subscribe. */
const TOPIC = /^[^#+]+$/;

class MqttTransport implements EventTransport {
  readonly confirms = 'broker';
  private inFlight: MqttInFlight | undefined;

  constructor(private readonly client: NestClient) {}

  check({ pattern }: Pick<EventMessage, 'pattern'>): EventProblem | undefined {
    if (TOPIC.test(pattern)) return undefined;
    return { path: 'args.pattern', reason: 'must be a topic without # and +.' };
  }

  async publish(event: EventMessage): Promise<void> {
    const { id, signal, pattern, headers } = event;
    const packet = await untilAborted(signal, this.packetOf(event));
    const connection = await connected(this.client, 'MQTT', signal, () => this.ready());
    if (this.inFlight?.connection !== connection) this.inFlight = new MqttInFlight(connection);
    const userProperties = {
      ...textsOption(this.client, 'userProperties'),
      ...packet.userProperties,
      ...headers,
      [MESSAGE_ID]: id,
    };
    await this.inFlight.publish(pattern, packet.content, userProperties, signal);
  }

  private ready(): MqttConnection | undefined {
    const connection = connectionOf<MqttConnection>(this.client, 'mqttClient');
    return connection?.connected ? connection : undefined;
  }

  /** NestJS 10 has a serializer that leaves the text to its client. */
  private async packetOf({
    pattern,
    payload,
  }: EventMessage): Promise<{ content: string | Buffer; userProperties?: object }> {
    const packet = await serialized(this.client, pattern, payload);
    if (typeof packet === 'string' || Buffer.isBuffer(packet)) return { content: packet };
    const { options, ...content } = isRecord(packet) ? packet : { options: undefined };
    const properties = isRecord(options) ? options['properties'] : undefined;
    const own = isRecord(properties) ? properties['userProperties'] : undefined;
    return {
      content: JSON.stringify(isRecord(packet) ? content : packet),
      userProperties: isRecord(own) ? own : {},
    };
  }
}
