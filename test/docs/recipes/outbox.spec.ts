import { connect, type Channel, type ChannelModel, type GetMessage } from 'amqplib';
import { EventOutbox } from 'nestjs-stepping/events';
import { DataSource } from 'typeorm';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { brokerUrl, describeBroker, EventNames } from '../../support/brokers.js';
import { waitFor } from '../../support/wait-for.js';
import { recipe } from './recipe.js';
import { RecipeApplication } from './recipe-application.js';

// What the page reads when it is imported.
const queue = new EventNames().queue;
process.env.RABBITMQ_URL = brokerUrl('rabbitmq');
process.env.BILLING_QUEUE = queue;
const page = await recipe('outbox');

describeBroker('the recipe of the outbox', 'rabbitmq', () => {
  let connection: ChannelModel;
  let channel: Channel;
  let running: RecipeApplication;

  beforeAll(async () => {
    connection = await connect(brokerUrl('rabbitmq'));
    channel = await connection.createChannel();
  });
  afterAll(async () => {
    await channel.deleteQueue(queue);
    await connection.close();
  });
  beforeEach(async () => {
    running = await RecipeApplication.start({ entities: [page.Order], imports: [page.OrdersModule] });
  });
  afterEach(() => running.close());

  const place = (product: string): Promise<string> => running.get(page.Orders).place(product);

  const arrived = (): Promise<GetMessage> =>
    waitFor(() => channel.get(queue, { noAck: true }), { message: 'an event' });

  it('publishes the event of an order that was committed', async () => {
    const id = await place('tea');
    await running.stepping.drain();
    const { content, properties } = await arrived();
    expect(JSON.parse(content.toString())).toMatchObject({
      pattern: 'order.placed',
      data: { orderId: 1, product: 'tea' },
    });
    expect(properties).toMatchObject({ messageId: id, deliveryMode: 2, headers: { 'message-id': id } });
    expect((await running.find(id)).status).toBe('succeeded');
  });

  it('publishes nothing when the transaction is rolled back', async () => {
    const outbox: EventOutbox = running.get(EventOutbox);
    const failing = running.app.get(DataSource).transaction(async () => {
      await outbox.publish('billing', 'order.placed', { orderId: 1 });
      throw new Error('changed my mind');
    });
    await expect(failing).rejects.toThrow('changed my mind');
    expect(await running.stepping.jobs()).toEqual([]);
  });

  it('publishes it again with the same id after a crash', async () => {
    const id = await place('tea');
    running.stepping.crashAt('step:executed');
    await running.stepping.drain();
    await running.stepping.restart();
    await running.stepping.drain();
    expect([await arrived(), await arrived()].map(({ properties }) => properties.messageId)).toEqual([
      id,
      id,
    ]);
  });
});
