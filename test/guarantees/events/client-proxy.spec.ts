import { ClientKafka, ClientsModule, KafkaContext, Transport } from '@nestjs/microservices';
import { KafkaParser } from '@nestjs/microservices/helpers/kafka-parser.js';
import { Subject, throwError } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  clientProxyTransport,
  EventOutbox,
  messageIdOf,
  PublishEventStep,
  SteppingEventsModule,
  type SteppingEventsOptions,
} from '../../../lib/events/index.js';
import { TestApplication } from '../../support/application.js';
import { brokerUrl, describeBroker, EventNames } from '../../support/brokers.js';
import { EventReceiver } from '../../support/event-receiver.js';
import { Databases } from '../../support/placements.js';
import { waitFor } from '../../support/wait-for.js';

const AUDIT = Symbol('AUDIT_CLIENT');

describeBroker('clientProxyTransport', 'redis', () => {
  const names = new EventNames();
  const pattern = names.pattern('redis');
  let databases: Databases;
  let receiver: EventReceiver;
  let app: TestApplication;
  let outbox: EventOutbox;

  beforeAll(async () => {
    databases = await Databases.create('sqlite', 'one');
    const { hostname: host, port } = new URL(brokerUrl('redis'));
    const options = { transport: Transport.REDIS, options: { host, port: Number(port) } } as const;
    receiver = await EventReceiver.start(options, pattern);
    app = await TestApplication.start(databases, {
      imports: [
        SteppingEventsModule.forRoot({
          imports: [ClientsModule.register([{ name: AUDIT, ...options }])],
          transports: {
            audit: clientProxyTransport(AUDIT, { idProperty: 'messageId' }),
            plain: clientProxyTransport(AUDIT),
          },
        }),
      ],
    });
    outbox = app.context.get(EventOutbox);
  });
  afterAll(async () => {
    await app?.close();
    await receiver?.close();
    await databases?.drop();
  });

  const received = (test: (payload: any) => boolean) =>
    waitFor(() => receiver.events.find((e) => test(e.payload)));

  it('puts the id into the payload, since Redis has no headers', async () => {
    const { id, gid } = await outbox.publish('audit', pattern, { orderId: 1 });
    const { payload, context } = await received((each) => each.orderId === 1);
    expect(payload).toEqual({ orderId: 1, messageId: id });
    expect(context).toBeDefined();
    expect((await app.ended(gid)).status).toBe('succeeded');
    await outbox.publish('plain', pattern, { orderId: 2 });
    expect((await received((each) => each.orderId === 2)).payload).toEqual({ orderId: 2 });
  });

  it('counts an event as published that nobody listens to', async () => {
    const { gid } = await outbox.publish('audit', `${pattern}.nobody`, { orderId: 3 });
    expect((await app.ended(gid)).status).toBe('succeeded');
  });

  it('publishes nothing when the transaction rolls back', async () => {
    const rolledBack = app.dataSource.transaction(async () => {
      await outbox.publish('audit', pattern, { orderId: 'rolled back' });
      throw new Error('no order');
    });
    await expect(rolledBack).rejects.toThrow('no order');
    await outbox.publish('audit', pattern, { orderId: 'after' });
    await received((each) => each.orderId === 'after');
    expect(receiver.events.map(({ payload }) => payload.orderId)).not.toContain('rolled back');
  });

  it('refuses what has no place: headers, payloads that are no object, and a property that is taken', async () => {
    const refusal = (path: string) => ({ name: 'InvalidStepArgumentsError', path });
    await expect(outbox.publish('audit', pattern, {}, { headers: { a: 'b' } })).rejects.toMatchObject(
      refusal('args.headers'),
    );
    for (const payload of ['text', [1], 7, { messageId: 'mine' }]) {
      await expect(outbox.publish('audit', pattern, payload)).rejects.toMatchObject(refusal('args.payload'));
    }
  });
});

describe('clientProxyTransport with the client of Kafka', () => {
  interface KafkaRecord {
    readonly key?: unknown;
    readonly value: string;
    readonly headers: Record<string, string>;
  }
  const sent: { topic: string; messages: KafkaRecord[] }[] = [];

  /** It needs no broker. What it says to the producer is all its own. */
  class NotingClientKafka extends ClientKafka {
    override async connect(): Promise<never> {
      const producer = {
        send: async (record: never) => void sent.push(record),
        disconnect: async () => undefined,
      };
      Object.assign(this, { _producer: producer });
      return producer as never;
    }
  }

  let databases: Databases;
  let app: TestApplication;
  let outbox: EventOutbox;

  beforeAll(async () => {
    databases = await Databases.create('sqlite', 'one');
    app = await TestApplication.start(databases, {
      imports: [
        SteppingEventsModule.forRoot({
          transports: {
            plain: clientProxyTransport(AUDIT),
            audit: clientProxyTransport(AUDIT, { idProperty: 'messageId' }),
          },
        }),
      ],
      providers: [{ provide: AUDIT, useFactory: () => new NotingClientKafka({}) }],
    });
    outbox = app.context.get(EventOutbox);
  });
  afterAll(async () => {
    await app?.close();
    await databases?.drop();
  });

  /** The message as a server of Nest reads it, which gets bytes. */
  async function received(
    gid: string,
  ): Promise<{ topic: string; value: unknown; headers: object; id: unknown }> {
    expect((await app.ended(gid)).status).toBe('succeeded');
    const { topic, messages } = sent.pop()!;
    const [{ key, value, headers }] = messages as [KafkaRecord];
    expect([messages.length, key]).toEqual([1, undefined]);
    const bytes = Object.entries(headers).map(([name, text]) => [name, Buffer.from(text)]);
    const message = { value: Buffer.from(value), headers: Object.fromEntries(bytes) as object, offset: '17' };
    const parsed = new KafkaParser({}).parse<{ value: unknown; headers: object }>(message);
    const context = new KafkaContext([parsed, 3, topic, {}, {}, {}] as never);
    return { topic, value: parsed.value, headers: parsed.headers, id: messageIdOf(context) };
  }

  it.each<[string, unknown]>([
    ['a plain object', { orderId: 1 }],
    [
      'an object that looks like a record of Kafka',
      { value: 5, currency: 'EUR', key: { a: 1 }, headers: { b: 2 } },
    ],
    ['an object with a key', { key: 'k', orderId: 1 }],
    ['a list', [1, { value: 2 }]],
    ['a text', 'text'],
  ])('sends %s whole, with the id as a header', async (_, payload) => {
    const { id, gid } = await outbox.publish('plain', 'order.placed', payload, {
      headers: { tenant: 'acme' },
    });
    expect(await received(gid)).toEqual({
      topic: 'order.placed',
      value: payload,
      headers: { tenant: 'acme', 'message-id': id },
      id,
    });
  });

  it('puts the id into the payload as well where that is wanted', async () => {
    const { id, gid } = await outbox.publish('audit', 'order.placed', { value: 5 });
    expect(await received(gid)).toMatchObject({ value: { value: 5, messageId: id }, id });
  });

  it('keeps the id when an event is published again', async () => {
    const args = { transport: 'plain', pattern: 'order.placed', payload: { value: 1 }, id: 'e-7' };
    const ids: unknown[] = [];
    for (let times = 0; times < 2; times += 1) {
      const { gid } = await app.jobs
        .createJob({ transaction: 'none' })
        .addStep(PublishEventStep, args)
        .start();
      ids.push((await received(gid)).id);
    }
    expect(ids).toEqual(['e-7', 'e-7']);
  });
});

describe('clientProxyTransport with clients that reject', () => {
  let databases: Databases;
  beforeAll(async () => {
    databases = await Databases.create('sqlite', 'one');
  });
  afterAll(() => databases?.drop());

  /** The error of the only attempt. */
  async function failure(emit: () => unknown): Promise<string> {
    const options: SteppingEventsOptions = { transports: { audit: clientProxyTransport(AUDIT) } };
    const app = await TestApplication.start(databases, {
      imports: [SteppingEventsModule.forRoot(options)],
      providers: [{ provide: AUDIT, useValue: { emit } }],
      module: { retry: { maxAttempts: 1 } },
    });
    try {
      const { gid } = await app.context.get(EventOutbox).publish('audit', 'order.placed', { a: 1 });
      return String((await app.ended(gid)).error);
    } finally {
      await app.close();
    }
  }

  it.each([
    ['a text', 'Connection lost.', 'Connection lost'],
    ['nothing', undefined, 'the client does not say why'],
    ['an error', new Error('refused by amqp://guest:secret@host/'), 'refused by amqp://host/'],
    [
      'an event with an error',
      { err: new Error('connect ECONNREFUSED'), url: 'amqp://guest:secret@host' },
      'connect ECONNREFUSED',
    ],
    ['an object', { secret: 'secret' }, 'the client does not say why'],
  ])('an attempt fails with something readable after %s', async (_, thrown, problem) => {
    const error = await failure(() => throwError(() => thrown));
    expect(error).toContain("The event 'order.placed'");
    expect(error).toContain(`is not confirmed: ${problem}`);
    expect(error).not.toContain('secret');
  });

  it('counts what completes without a value as published', async () => {
    const silent = new Subject();
    silent.complete();
    expect(await failure(() => silent)).toBe('null');
  });
});
