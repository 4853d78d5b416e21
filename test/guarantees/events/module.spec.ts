import { inspect } from 'node:util';
import { Inject, Injectable, Module, type DynamicModule, type Provider } from '@nestjs/common';
import { ClientsModule, Transport, type RmqOptions } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { selfTm, Step, SteppingModule } from '../../../lib/index.js';
import {
  clientProxyTransport,
  EventOutbox,
  mqttTransport,
  natsTransport,
  PublishEventStep,
  rmqTransport,
  SteppingEventsModule,
  type EventMessage,
  type EventTransport,
  type SteppingEventsOptions,
} from '../../../lib/events/index.js';
import { stepMetadataOf } from '../../../lib/core/steps/step.decorator.js';
import { TestApplication } from '../../support/application.js';
import { Databases } from '../../support/placements.js';

const ORDERS = Symbol('ORDERS_CLIENT');
/** Nobody listens there: no client is connected at start. */
const rmq: RmqOptions & { name: symbol } = {
  name: ORDERS,
  transport: Transport.RMQ,
  options: { urls: ['amqp://127.0.0.1:1'], queue: 'q' },
};

async function start(imports: (DynamicModule | (new () => unknown))[], providers: Provider[] = []) {
  const stepping = SteppingModule.forRoot({ transactionManager: selfTm({ store: 'memory' }) });
  const testing = await Test.createTestingModule({ imports: [stepping, ...imports], providers }).compile();
  return testing.init();
}

async function startError(...args: Parameters<typeof start>): Promise<Error> {
  try {
    const app = await start(...args);
    await app.close();
  } catch (error) {
    return error as Error;
  }
  throw new Error('The application has started.');
}

class Recorded implements EventTransport {
  readonly confirms = 'nothing';
  readonly messages: EventMessage[] = [];
  closed = 0;
  onPublish: (message: EventMessage) => unknown = () => undefined;
  async publish(message: EventMessage): Promise<void> {
    this.messages.push(message);
    await this.onPublish(message);
  }
  async close(): Promise<void> {
    this.closed += 1;
  }
}

describe('SteppingEventsModule', () => {
  it('starts while the broker is down', async () => {
    const app = await start([
      SteppingEventsModule.forRoot({
        imports: [ClientsModule.register([rmq])],
        transports: { orders: rmqTransport({ client: ORDERS, exchange: 'orders' }) },
      }),
    ]);
    expect(app.get(EventOutbox)).toBeInstanceOf(EventOutbox);
    await app.close();
  });

  it('says how to import a client that is not there', async () => {
    const transports = { orders: rmqTransport({ client: ORDERS }) };
    const error = await startError([SteppingEventsModule.forRoot({ transports })]);
    expect(error).toMatchObject({ name: 'InvalidOptionError' });
    expect(error.message).toContain('Symbol(ORDERS_CLIENT)');
    expect(error.message).toContain('ClientsModule.register');
  });

  it('takes a client that is imported in several places, and refuses two of one name', async () => {
    const transports = { orders: rmqTransport({ client: ORDERS }) };
    const shared = ClientsModule.register([rmq]);
    @Module({ imports: [shared], exports: [shared] })
    class Orders {}
    const app = await start([Orders, SteppingEventsModule.forRoot({ imports: [shared], transports })]);
    await app.close();

    @Module({ imports: [ClientsModule.register([{ ...rmq, options: { ...rmq.options, queue: 'other' } }])] })
    class Others {}
    const error = await startError([Others, SteppingEventsModule.forRoot({ imports: [shared], transports })]);
    expect(error).toMatchObject({ name: 'InvalidOptionError' });
    expect(error.message).toContain('There are 2 clients');
  });

  it('refuses a client of another kind, and one that has no place for the id', async () => {
    const mqtt = { name: ORDERS, transport: Transport.MQTT, options: { url: 'mqtt://127.0.0.1:1' } } as const;
    const imports = [ClientsModule.register([mqtt])];
    for (const [transport, option] of [
      [rmqTransport({ client: ORDERS }), 'client'],
      [natsTransport({ client: ORDERS }), 'client'],
      [mqttTransport({ client: ORDERS }), 'client.options.protocolVersion'],
    ] as const) {
      const error = await startError([
        SteppingEventsModule.forRoot({ imports, transports: { orders: transport } }),
      ]);
      expect(error).toMatchObject({
        name: 'InvalidOptionError',
        option: `SteppingEventsModule.transports.orders.${option}`,
      });
    }
    const providers = [{ provide: ORDERS, useValue: {} }];
    const transports = { orders: clientProxyTransport(ORDERS) };
    const error = await startError([SteppingEventsModule.forRoot({ transports })], providers);
    expect(error).toMatchObject({ option: 'SteppingEventsModule.transports.orders.client' });
  });

  it('shows no password of a client that it refuses', async () => {
    const url = 'mqtt://user:hunter2@127.0.0.1:1';
    const refused = [
      startError([
        SteppingEventsModule.forRoot({
          imports: [ClientsModule.register([{ name: ORDERS, transport: Transport.MQTT, options: { url } }])],
          transports: { orders: rmqTransport({ client: ORDERS }) },
        }),
      ]),
      startError(
        [SteppingEventsModule.forRoot({ transports: { orders: clientProxyTransport(ORDERS) } })],
        [{ provide: ORDERS, useValue: { options: { url } } }],
      ),
      startError([
        SteppingEventsModule.forRootAsync({
          useFactory: () => ({ transports: { orders: { options: { url } } } }) as never,
        }),
      ]),
      startError([SteppingEventsModule.forRoot({ transports: { orders: rmqTransport({ client: url }) } })]),
    ];
    for (const error of await Promise.all(refused)) {
      expect(error).toMatchObject({ name: 'InvalidOptionError' });
      expect(inspect(error, { depth: 10 })).not.toContain('hunter2');
      expect(JSON.stringify(error)).not.toContain('hunter2');
    }
  });

  it('refuses a client of RabbitMQ that has neither queue nor exchange', async () => {
    const client = { name: ORDERS, transport: Transport.RMQ, options: {} } as const;
    const transports = { orders: rmqTransport({ client: ORDERS }) };
    const events = SteppingEventsModule.forRoot({ imports: [ClientsModule.register([client])], transports });
    expect(await startError([events])).toMatchObject({
      option: 'SteppingEventsModule.transports.orders.exchange',
    });
  });

  it('can be imported once, and says where it was imported', async () => {
    @Module({ imports: [SteppingEventsModule.forRoot()] })
    class First {}
    @Module({ imports: [SteppingEventsModule.forRoot()] })
    class Second {}
    const error = await startError([First, Second]);
    expect(error).toMatchObject({
      name: 'ModuleImportedTwiceError',
      module: 'SteppingEventsModule',
      importedBy: ['First', 'Second'],
    });
  });

  it('needs SteppingModule', async () => {
    const testing = await Test.createTestingModule({ imports: [SteppingEventsModule.forRoot()] }).compile();
    await expect(testing.init()).rejects.toThrow('import SteppingModule.forRoot()');
  });

  it.each([
    [{ transport: {} }, 'SteppingEventsModule.transport'],
    [{ transports: [] }, 'SteppingEventsModule.transports'],
    [{ transports: { ' a': new Recorded() } }, 'SteppingEventsModule.transports'],
    [{ transports: { a: {} } }, 'SteppingEventsModule.transports.a'],
    [
      { transports: { a: { confirms: 'all', publish: () => undefined } } },
      'SteppingEventsModule.transports.a',
    ],
    [{ dataSource: '' }, 'SteppingEventsModule.dataSource'],
    [{ inboxRetention: 'soon' }, 'SteppingEventsModule.inboxRetention'],
  ])('refuses %o', async (options, option) => {
    const refusal = { name: 'InvalidOptionError', option };
    expect(() => SteppingEventsModule.forRoot(options as never)).toThrow(expect.objectContaining(refusal));
    const useFactory = () => options as never;
    expect(await startError([SteppingEventsModule.forRootAsync({ useFactory })])).toMatchObject(refusal);
  });

  it('refuses options of transports that cannot be', () => {
    for (const make of [
      () => rmqTransport({} as never),
      () => rmqTransport({ client: ORDERS, exchange: '' }),
      () => rmqTransport({ client: ORDERS, routingKey: 'ö'.repeat(128) }),
      () => natsTransport({ client: ORDERS, subject: 'x' } as never),
      () => mqttTransport({ client: '' }),
      () => clientProxyTransport(undefined as never),
      () => clientProxyTransport(ORDERS, { idProperty: '' }),
      () => SteppingEventsModule.forRootAsync({} as never),
      () => SteppingEventsModule.forRootAsync({ useFactory: () => ({}), useClass: Object } as never),
    ]) {
      expect(make).toThrow(expect.objectContaining({ name: 'InvalidOptionError' }));
    }
  });
});

describe('EventOutbox with a transport of its own', () => {
  let databases: Databases;
  let app: TestApplication;
  let outbox: EventOutbox;
  const transport = new Recorded();
  const other = new Recorded();

  @Step({ name: 'publish-quickly', retry: { delay: 1 } })
  class PublishQuickly extends PublishEventStep {}
  @Step({ name: 'publish-patiently', timeout: 100 })
  class PublishPatiently extends PublishEventStep {}
  // With the time-out of the other.
  @Step('publish-as-patiently')
  class PublishAsPatiently extends PublishPatiently {}

  @Injectable()
  class Settings {
    readonly transports: SteppingEventsOptions['transports'] = { orders: transport, other };
  }
  @Module({ providers: [Settings], exports: [Settings] })
  class SettingsModule {}
  @Injectable()
  class Early {
    published: Promise<unknown> | undefined;
    constructor(@Inject(EventOutbox) private readonly events: EventOutbox) {}
    onModuleInit(): void {
      this.published = this.events.publish('orders', 'started', 'early');
    }
  }

  beforeAll(async () => {
    databases = await Databases.create('sqlite', 'one');
    app = await TestApplication.start(databases, {
      imports: [
        SteppingEventsModule.forRootAsync({
          imports: [SettingsModule],
          inject: [Settings],
          useFactory: async ({ transports }: Settings) => ({ transports }),
        }),
      ],
      providers: [PublishQuickly, PublishAsPatiently, Early],
      module: { retry: { delay: 5, jitter: false, maxAttempts: 3 } },
    });
    outbox = app.context.get(EventOutbox);
  });
  afterAll(async () => {
    await app?.close();
    await databases?.drop();
  });

  const ended = async (gid: string) => {
    const job = await app.ended(gid);
    return { status: job.status, attempts: job.steps[0]!.attempts, error: String(job.error) };
  };

  it('publishes what a hook of the application has published', async () => {
    const early = (await app.context.get(Early).published) as { gid: string };
    expect((await ended(early.gid)).status).toBe('succeeded');
  });

  it('gives the transport what travels', async () => {
    const { id } = await outbox.publish(
      'other',
      'order.placed',
      { a: [new Date(0)] },
      { headers: { x: 'ü' } },
    );
    await app.ended(id);
    expect(other.messages).toEqual([
      {
        id,
        pattern: 'order.placed',
        payload: { a: ['1970-01-01T00:00:00.000Z'] },
        headers: { x: 'ü' },
        signal: expect.any(AbortSignal) as AbortSignal,
      },
    ]);
  });

  it('repeats an event with the same id, and fails its job when its attempts are used up', async () => {
    transport.messages.length = 0;
    transport.onPublish = () => {
      throw new Error('not now');
    };
    const { id } = await outbox.publish('orders', 'order.placed', 1);
    const job = await ended(id);
    expect(job).toMatchObject({ status: 'failed', attempts: 3 });
    expect(job.error).toContain(`The event 'order.placed' (${id}) is not confirmed: not now.`);
    expect(transport.messages.map((message) => message.id)).toEqual([id, id, id]);
    transport.onPublish = () => undefined;
    await app.admin.retry(id);
    expect((await ended(id)).status).toBe('succeeded');
    expect(transport.messages.at(-1)!.id).toBe(id);
  });

  it('waits for the delay', async () => {
    const { gid } = await outbox.publish('orders', 'order.placed', 1, { delay: '1h' });
    const job = await app.admin.find(gid);
    expect(job!.dueAt!.getTime() - Date.now()).toBeGreaterThan(3_000_000);
    await app.admin.cancel(gid);
  });

  it('knows the transports of its process alone', async () => {
    const refusal = {
      name: 'EventTransportNotFoundError',
      transport: 'invoices',
      known: ['orders', 'other'],
    };
    await expect(outbox.publish('invoices', 'a', 1)).rejects.toMatchObject(refusal);
    const { gid } = await app.jobs
      .createJob()
      .addStep(PublishEventStep, { transport: 'invoices', pattern: 'a', payload: 1 })
      .start();
    const job = await ended(gid);
    expect(job.status).toBe('failed');
    expect(job.error).toContain("There is no event transport 'invoices'");
  });

  it('lets a subclass be a step of its own', async () => {
    const { gid } = await app.jobs
      .createJob()
      .addStep(PublishQuickly, { transport: 'orders', pattern: 'a', payload: 'sub', id: 'mine' })
      .start();
    expect((await ended(gid)).status).toBe('succeeded');
    expect(transport.messages.find(({ payload }) => payload === 'sub')).toMatchObject({ id: 'mine' });
  });

  it('ends the attempt of a subclass with the time-out of its parent when the broker never confirms', async () => {
    expect(stepMetadataOf(PublishQuickly)?.timeout).toBe('30s');
    transport.onPublish = ({ payload }) => (payload === 'unheard' ? new Promise(() => undefined) : undefined);
    const { gid } = await app.jobs
      .createJob()
      .addStep(
        PublishAsPatiently,
        { transport: 'orders', pattern: 'a', payload: 'unheard' },
        { retry: { maxAttempts: 1 } },
      )
      .start();
    const job = await ended(gid);
    expect(job.status).toBe('failed');
    expect(job.error).toContain("The step 'publish-as-patiently' did not end within 100 ms");
    transport.onPublish = () => undefined;
  });

  const cyclic: Record<string, unknown> = {};
  cyclic['self'] = cyclic;

  it.each([
    ['args.payload', ['orders', 'a', null]],
    ['args.payload', ['orders', 'a', undefined]],
    ['args.payload', ['orders', 'a', () => 1]],
    ['args.payload', ['orders', 'a', Number.NaN]],
    ['args.payload', ['orders', 'a', 10n]],
    ['args.payload', ['orders', 'a', cyclic]],
    ['args.payload', ['orders', 'a', { toJSON: () => null }]],
    ['args.pattern', ['orders', '', 1]],
    ['args.pattern', ['orders', ' a', 1]],
    ['args.pattern', ['orders', 'a'.repeat(256), 1]],
    ['args.headers["x"]', ['orders', 'a', 1, { headers: { x: 1 } }]],
    ['args.headers["x"]', ['orders', 'a', 1, { headers: { x: 'a\r\nb' } }]],
    ['args.headers["a b"]', ['orders', 'a', 1, { headers: { 'a b': 'c' } }]],
    ['args.headers["Message-Id"]', ['orders', 'a', 1, { headers: { 'Message-Id': 'c' } }]],
  ])('refuses an event with a wrong %s', async (path, args) => {
    const published = outbox.publish(...(args as unknown as Parameters<EventOutbox['publish']>));
    await expect(published).rejects.toMatchObject({
      name: 'InvalidStepArgumentsError',
      stepName: 'stepping.publish-event',
      path,
    });
  });

  it('refuses options and ids that cannot be', async () => {
    await expect(outbox.publish('orders', 'a', 1, { wait: 1 } as never)).rejects.toThrow('Unknown option');
    await expect(outbox.publish('orders', 'a', 1, { id: 'a b' })).rejects.toMatchObject({
      name: 'InvalidGidError',
    });
    const step = app.jobs.createJob({ transaction: 'none' });
    const add = () => step.addStep(PublishEventStep, { transport: 'orders', pattern: 'a' } as never);
    expect(add).toThrow(expect.objectContaining({ name: 'InvalidStepArgumentsError', path: 'args.payload' }));
  });

  it('closes its transports once, after the last step', async () => {
    const one = new Recorded();
    let closedBefore: number | undefined;
    let begun!: () => void;
    const running = new Promise<void>((resolve) => (begun = resolve));
    let finish!: () => void;
    one.onPublish = async () => {
      begun();
      await new Promise<void>((resolve) => (finish = resolve));
      closedBefore = one.closed;
    };
    const place = await Databases.create('sqlite', 'one');
    try {
      const second = await TestApplication.start(place, {
        imports: [SteppingEventsModule.forRoot({ transports: { one } })],
      });
      await second.context.get(EventOutbox).publish('one', 'a', 1);
      await running;
      const closing = second.close();
      finish();
      await closing;
      expect([closedBefore, one.closed]).toEqual([0, 1]);
    } finally {
      await place.drop();
    }
  });
});

describe('an event that is published outside any transaction', () => {
  let databases: Databases;
  let app: TestApplication;
  const warnings: string[] = [];

  beforeAll(async () => {
    databases = await Databases.create('sqlite', 'one');
  });
  afterEach(async () => {
    await app?.close();
  });
  afterAll(async () => databases?.drop());

  /** What the application calls; its name is in the stack. */
  async function sendGreeting(): Promise<unknown> {
    return app.context.get(EventOutbox).publish('orders', 'greeting', 'hello');
  }
  const begin = async (requireTransaction: true | 'warn'): Promise<void> => {
    const transports = { orders: new Recorded() };
    app = await TestApplication.start(databases, {
      imports: [SteppingEventsModule.forRoot({ transports })],
      module: { requireTransaction },
    });
  };

  it('is refused with the line that published it, and with what to write there', async () => {
    await begin(true);
    const error = (await sendGreeting().catch((thrown: unknown) => thrown)) as Error;
    expect(error).toMatchObject({ code: 'STEPPING_TRANSACTION_REQUIRED' });
    expect(error.message).toMatch(/\(at sendGreeting \(.*module\.spec\.ts:\d+:\d+\)\)/);
    expect(error.message).toContain("publish(..., { transaction: 'none' })");
    expect(error.message).toContain('publish(..., { transaction })');
    expect(error.message).not.toMatch(/createJob|event-outbox/);
  });

  it("is warned of with 'warn', which says what to write there", async () => {
    await begin('warn');
    app.context.useLogger({ log() {}, error() {}, warn: (line: string) => void warnings.push(line) });
    await sendGreeting();
    app.context.useLogger(false);
    const [warning] = warnings.filter((line) => line.includes('outside any transaction'));
    expect(warning).toContain("publish(..., { transaction: 'none' })");
    expect(warning).not.toContain('createJob');
  });
});
