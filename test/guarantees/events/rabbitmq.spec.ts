import { once, type EventEmitter } from 'node:events';
import { ClientsModule } from '@nestjs/microservices';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { EventOutbox, rmqTransport, SteppingEventsModule } from '../../../lib/events/index.js';
import { TestApplication } from '../../support/application.js';
import { brokerUrl, describeBroker, eventBrokers, EventNames, withAmqp } from '../../support/brokers.js';
import { EventReceiver } from '../../support/event-receiver.js';
import { Databases } from '../../support/placements.js';
import { TcpProxy, type ProxiedConnection } from '../../support/tcp-proxy.js';
import { waitFor } from '../../support/wait-for.js';

const [rabbitmq] = eventBrokers;

/** Class and method, as they begin a frame of AMQP. */
const QUEUE_DECLARE = Buffer.from([0, 50, 0, 10]);

describeBroker('the outbox and an exchange', 'rabbitmq', () => {
  const names = new EventNames();
  const exchange = `${names.prefix}-exchange`;
  const missing = `${names.prefix}-missing`;
  const fanout = `${names.prefix}-fanout`;
  let databases: Databases;
  let proxy: TcpProxy;
  let receiver: EventReceiver;
  let app: TestApplication;
  let outbox: EventOutbox;
  const connections: ProxiedConnection[] = [];

  beforeAll(async () => {
    databases = await Databases.create('sqlite', 'one');
    await withAmqp((channel) => channel.assertExchange(exchange, 'topic'));
    receiver = await EventReceiver.start(rabbitmq!.server(names), 'order.placed');
    await withAmqp((channel) => channel.bindQueue(names.queue, exchange, 'order.*'));
    proxy = await TcpProxy.start(brokerUrl('rabbitmq'));
    proxy.onConnection = (connection) => connections.push(connection);
    app = await TestApplication.start(databases, {
      imports: [
        SteppingEventsModule.forRoot({
          imports: [ClientsModule.register([rabbitmq!.client(proxy.through(brokerUrl('rabbitmq')), names)])],
          transports: {
            orders: rmqTransport({ client: names.client, exchange }),
            missing: rmqTransport({ client: names.client, exchange: missing }),
            all: rmqTransport({ client: names.client, exchange: fanout, routingKey: 'any' }),
          },
        }),
      ],
      module: { retry: { delay: 20, maxDelay: 200, jitter: false } },
    });
    outbox = app.context.get(EventOutbox);
  });
  afterAll(async () => {
    await app?.close();
    await receiver?.close();
    await proxy?.down();
    await databases?.drop();
    await names.remove('rabbitmq', [exchange, missing, fanout]);
  });

  /** Waits until the step has failed twice, and returns the error. */
  const failure = async (gid: string): Promise<string> => {
    const job = await waitFor(async () => {
      const found = await app.admin.find(gid);
      return found !== null && found.steps[0]!.attempts >= 2 && found;
    });
    return String(job.error);
  };

  it('sends a persistent message with the pattern as its routing key, and the id twice', async () => {
    const { id } = await outbox.publish(
      'orders',
      'order.placed',
      { orderId: 1 },
      { headers: { tenant: 'a' } },
    );
    const { context } = await receiver.received(id);
    const { fields, properties } = (context as { getMessage(): any }).getMessage();
    expect(fields).toMatchObject({ exchange, routingKey: 'order.placed' });
    expect(properties).toMatchObject({
      messageId: id,
      headers: { 'message-id': id, tenant: 'a' },
      deliveryMode: 2,
      contentType: 'application/json',
    });
  });

  it('keeps an event that no queue is bound for until one is', async () => {
    const { id, gid } = await outbox.publish('orders', 'invoice.sent', { invoice: 1 });
    expect(await failure(gid)).toContain('no queue is bound for it');
    await withAmqp(async (channel) => {
      const { queue } = await channel.assertQueue('', { exclusive: true });
      await channel.bindQueue(queue, exchange, 'invoice.*');
      const message = await waitFor(() => channel.get(queue, { noAck: true }));
      expect(message).toMatchObject({ properties: { messageId: id } });
      expect(JSON.parse(message.content.toString())).toEqual({
        pattern: 'invoice.sent',
        data: { invoice: 1 },
      });
    });
    expect((await app.ended(gid)).status).toBe('succeeded');
  });

  it('keeps an event for an exchange that is not there until it is, and others go on', async () => {
    const { id, gid } = await outbox.publish('missing', 'order.placed', { orderId: 2 });
    expect(await failure(gid)).toContain('NOT_FOUND');
    const other = await outbox.publish('orders', 'order.placed', { orderId: 3 });
    await receiver.received(other.id);
    await withAmqp(async (channel) => {
      await channel.assertExchange(missing, 'topic');
      await channel.bindQueue(names.queue, missing, '#');
    });
    expect((await receiver.received(id)).payload).toEqual({ orderId: 2 });
    expect((await app.ended(gid)).status).toBe('succeeded');
  });

  it('takes a routing key of its own', async () => {
    await withAmqp(async (channel) => {
      await channel.assertExchange(fanout, 'direct');
      await channel.bindQueue(names.queue, fanout, 'any');
    });
    const { id } = await outbox.publish('all', 'order.placed', { orderId: 4 });
    expect((await receiver.received(id)).payload).toEqual({ orderId: 4 });
  });

  it('ends no process when connections are cut while the client sets up its own channel', async () => {
    let cuts = 0;
    proxy.onConnection = (connection) => {
      connections.push(connection);
      const { toServer } = connection;
      connection.toServer = (data) => {
        // Nest declares its queue; an error that nobody handles fails the whole run of these tests.
        if (cuts === 3 || !data.includes(QUEUE_DECLARE)) return toServer(data);
        cuts += 1;
        connection.destroy();
      };
    };
    connections.at(-1)!.destroy();
    await waitFor(() => cuts === 3);
    const { id } = await outbox.publish('orders', 'order.placed', { orderId: 7 });
    expect((await receiver.received(id)).payload).toEqual({ orderId: 7 });
  });

  it('publishes nothing while RabbitMQ blocks the connection, and goes on afterwards', async () => {
    const { id: before } = await outbox.publish('orders', 'order.placed', { orderId: 5 });
    await receiver.received(before);
    const current = connections.at(-1)!;
    let published = 0;
    const { toServer } = current;
    current.toServer = (data) => {
      if (data.includes('order.placed')) published += 1;
      toServer(data);
    };
    // What a broker sends that has no memory or disk left.
    const { client } = app.context.get<{ client: EventEmitter }>(names.client, { strict: false });
    const blocked = once(client, 'blocked');
    current.toClient(connectionMethod(60, shortText('low on memory')));
    await blocked;
    const { id, gid } = await outbox.publish('orders', 'order.placed', { orderId: 6 });
    expect(await failure(gid)).toContain('low on memory');
    expect(published).toBe(0);
    current.toClient(connectionMethod(61));
    expect((await receiver.received(id)).payload).toEqual({ orderId: 6 });
    expect((await app.ended(gid)).status).toBe('succeeded');
  });

  it('refuses a pattern that is no routing key', async () => {
    const published = outbox.publish('orders', 'ö'.repeat(200), {});
    await expect(published).rejects.toMatchObject({
      name: 'InvalidStepArgumentsError',
      path: 'args.pattern',
    });
  });
});

/** A frame of AMQP 0-9-1 about the connection. */
function connectionMethod(method: number, fields: Buffer = Buffer.alloc(0)): Buffer {
  const payload = Buffer.concat([Buffer.from([0, 10, 0, method]), fields]);
  const head = Buffer.from([1, 0, 0, 0, 0, 0, payload.length]);
  return Buffer.concat([head, payload, Buffer.from([0xce])]);
}

function shortText(text: string): Buffer {
  return Buffer.concat([Buffer.from([text.length]), Buffer.from(text)]);
}
