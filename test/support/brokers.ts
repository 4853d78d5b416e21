import { randomBytes } from 'node:crypto';
import { connect as connectTcp } from 'node:net';
import { Transport, type ClientProviderOptions, type MicroserviceOptions } from '@nestjs/microservices';
import { connect as connectAmqp } from 'amqplib';
import { describe } from 'vitest';
import { mqttTransport, natsTransport, rmqTransport, type ClientTransport } from '../../lib/events/index.js';

export type BrokerKind = 'rabbitmq' | 'nats' | 'mqtt' | 'redis';

const SERVERS = {
  rabbitmq: { title: 'RabbitMQ', variable: 'RABBITMQ_URL', url: 'amqp://guest:guest@127.0.0.1:5672' },
  nats: { title: 'NATS', variable: 'NATS_URL', url: 'nats://127.0.0.1:4222' },
  mqtt: { title: 'MQTT', variable: 'MQTT_URL', url: 'mqtt://127.0.0.1:1883' },
  redis: { title: 'Redis', variable: 'REDIS_URL', url: 'redis://127.0.0.1:6379' },
} as const;

export function brokerUrl(kind: BrokerKind): string {
  const { variable, url } = SERVERS[kind];
  return process.env[variable] ?? url;
}

const reachable = new Map(
  await Promise.all(
    (Object.keys(SERVERS) as BrokerKind[]).map(
      async (kind) => [kind, await answers(brokerUrl(kind))] as const,
    ),
  ),
);

/** Why a broker cannot be tested in this run. */
export function brokerSkipReason(kind: BrokerKind): string | undefined {
  const { title, variable } = SERVERS[kind];
  return reachable.get(kind) ? undefined : `no ${title} at ${variable}, or at its usual port`;
}

/** `describe` for one broker; where it is not there, it becomes a skipped suite that says why. */
export function describeBroker(title: string, kind: BrokerKind, suite: () => void): void {
  const name = `${title} [${SERVERS[kind].title}]`;
  const reason = brokerSkipReason(kind);
  if (reason === undefined) describe(name, suite);
  else describe.skip(`${name} (skipped: ${reason})`, suite);
}

/** What Nest's clients and servers are told so that they notice soon when the broker is away or silent, and never give up. */
export const RMQ_SOCKET = { reconnectTimeInSeconds: 1, heartbeatIntervalInSeconds: 1 };
const NATS_TIMES = { reconnectTimeWait: 200, maxReconnectAttempts: -1, pingInterval: 500, timeout: 5000 };
const MQTT_TIMES = { keepalive: 1, reconnectPeriod: 200, connectTimeout: 5000 };

/** A broker for the tests that all of them must pass. */
export interface EventBroker {
  readonly kind: BrokerKind;
  /** The option `client` of Nest, for the broker at a URL. */
  client(url: string, names: EventNames): ClientProviderOptions;
  server(names: EventNames): MicroserviceOptions;
  transport(client: string): ClientTransport;
}

/** Names that no other test has. */
export class EventNames {
  readonly prefix = `stepping-test-${randomBytes(6).toString('hex')}`;
  readonly client = `${this.prefix}-client`;
  readonly queue = `${this.prefix}-queue`;

  /** What an event is published as. */
  pattern(kind: BrokerKind, name = 'placed'): string {
    return [this.prefix, name].join(kind === 'mqtt' ? '/' : '.');
  }

  /** Deletes what RabbitMQ keeps of them; the others keep nothing. */
  async remove(kind: BrokerKind, exchanges: readonly string[] = []): Promise<void> {
    if (kind !== 'rabbitmq') return;
    await withAmqp(async (channel) => {
      await channel.deleteQueue(this.queue);
      for (const exchange of exchanges) await channel.deleteExchange(exchange);
    });
  }
}

const queueOptions = { durable: true };

export const eventBrokers: readonly EventBroker[] = [
  {
    kind: 'rabbitmq',
    client: (url, { client, queue }) => ({
      name: client,
      transport: Transport.RMQ,
      options: { urls: [url], queue, queueOptions, socketOptions: RMQ_SOCKET },
    }),
    server: ({ queue }) => ({
      transport: Transport.RMQ,
      options: { urls: [brokerUrl('rabbitmq')], queue, queueOptions, noAck: false },
    }),
    transport: (client) => rmqTransport({ client }),
  },
  {
    kind: 'nats',
    client: (url, { client }) => ({
      name: client,
      transport: Transport.NATS,
      options: { servers: [url], ...NATS_TIMES },
    }),
    server: () => ({ transport: Transport.NATS, options: { servers: [brokerUrl('nats')] } }),
    transport: (client) => natsTransport({ client }),
  },
  {
    kind: 'mqtt',
    client: (url, { client }) => ({
      name: client,
      transport: Transport.MQTT,
      options: { url, protocolVersion: 5, ...MQTT_TIMES },
    }),
    server: () => ({
      transport: Transport.MQTT,
      options: { url: brokerUrl('mqtt'), protocolVersion: 5, subscribeOptions: { qos: 1 } },
    }),
    transport: (client) => mqttTransport({ client }),
  },
];

type AmqpChannel = Awaited<ReturnType<Awaited<ReturnType<typeof connectAmqp>>['createChannel']>>;

/** A channel of RabbitMQ without Nest. */
export async function withAmqp<T>(work: (channel: AmqpChannel) => Promise<T>): Promise<T> {
  const connection = await connectAmqp(brokerUrl('rabbitmq'));
  try {
    return await work(await connection.createChannel());
  } finally {
    await connection.close();
  }
}

function answers(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connectTcp({ host: hostname, port: Number(port), timeout: 2000 });
    const end = (is: boolean): void => {
      socket.destroy();
      resolve(is);
    };
    socket
      .once('connect', () => end(true))
      .once('error', () => end(false))
      .once('timeout', () => end(false));
  });
}
