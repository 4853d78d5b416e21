import { connect, type Channel, type ChannelModel } from 'amqplib';
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
const page = await recipe('inbox');

describeBroker('the recipe of the inbox', 'rabbitmq', () => {
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
    running = await RecipeApplication.start({
      entities: [page.Invoice, page.Payment],
      imports: [page.BillingModule],
    });
    running.app.connectMicroservice(page.billing);
    await running.app.startAllMicroservices();
  });
  afterEach(() => running.close());

  const rows = (entity: unknown): Promise<any[]> =>
    running.app
      .get(DataSource)
      .getRepository(entity as never)
      .find();

  function send(messageId: string | undefined, orderId: number): void {
    const content = Buffer.from(JSON.stringify({ pattern: 'order.placed', data: { orderId } }));
    channel.sendToQueue(queue, content, messageId === undefined ? {} : { messageId });
  }

  /** The invoices, when what was sent before is done: SQLite has one transaction at a time, in the order in which they began. */
  async function invoices(): Promise<number[]> {
    send(`last-${Math.random()}`, -1);
    const found = await waitFor(async () => {
      const all = await rows(page.Invoice);
      return all.some(({ orderId }) => orderId === -1) && all;
    });
    return found.map(({ orderId }) => orderId as number).filter((orderId) => orderId > 0);
  }

  it('makes one invoice, however often the event arrives', async () => {
    send('e1', 7);
    send('e1', 7);
    send('e2', 8);
    send('e1', 9); // the id counts, not the content
    await waitFor(async () => (await rows(page.Invoice)).length >= 2);
    expect((await invoices()).toSorted()).toEqual([7, 8]);
  });

  it('gets the event again after work that has failed, and leaves no mark', async () => {
    const dataSource = running.app.get(DataSource);
    await dataSource.query('ALTER TABLE "invoice" RENAME TO "away"');
    send('e3', 10);
    await waitFor(async () => (await channel.checkQueue(queue)).messageCount === 0);
    await dataSource.query('ALTER TABLE "away" RENAME TO "invoice"');
    await waitFor(async () => (await rows(page.Invoice)).length === 1);
    expect(await invoices()).toEqual([10]);
  });

  it('rejects a message without an id', async () => {
    send(undefined, 11);
    expect(await invoices()).toEqual([]);
  });

  it('takes a webhook once', async () => {
    const post = (): Promise<Response> =>
      fetch(`${running.url}/webhooks/payments`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ id: 'p1', orderId: 7 }),
      });
    const answers = await Promise.all([post(), post(), post()]);
    expect(answers.map(({ status }) => status)).toEqual([204, 204, 204]);
    expect(await rows(page.Payment)).toMatchObject([{ orderId: 7 }]);
  });
});
