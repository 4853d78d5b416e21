import { Module, type DynamicModule, type Type, type INestApplicationContext } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { afterEach, describe, expect, it } from 'vitest';
import {
  aesGcmCodec,
  DistributedJobFactory,
  DistributedJobs,
  selfTm,
  Step,
  steppingMigrations,
  SteppingModule,
  SteppingOperations,
} from '../../../lib/index.js';
import { SteppingDashboardModule } from '../../../lib/dashboard/index.js';
import { clientProxyTransport, EventOutbox, SteppingEventsModule } from '../../../lib/events/index.js';
import { SteppingTelemetryModule } from '../../../lib/opentelemetry/index.js';
import { SteppingHealthIndicator } from '../../../lib/terminus/index.js';
import { SteppingTesting } from '../../../lib/testing/index.js';
import { dtm, dtmJob } from '../../../lib/tm/dtm/index.js';

class Pay {
  execute(): void {}
}

/** What TypeScript refuses, and a plain JavaScript or a cast lets through. */
const misspelled: Record<string, any> = { retentoin: '1d' };
const useFactory = (): object => ({});
const server = { server: 'http://dtm:36789', callback: 'http://orders:3000' };

describe('an option that does not exist is refused', () => {
  const memory = (): DynamicModule =>
    SteppingModule.forRoot({ transactionManager: selfTm({ store: 'memory' }) });

  it.each<[string, () => unknown]>([
    ['retentoin', () => SteppingModule.forRoot(misspelled)],
    ['forRootAsync.retentoin', () => SteppingModule.forRootAsync({ useFactory, ...misspelled })],
    ['selfTm.retentoin', () => selfTm(misspelled)],
    ['selfTm.retentoin', () => selfTm({ useFactory, ...misspelled })],
    ['dtm.retentoin', () => dtm({ ...server, ...misspelled })],
    ['dtm.retentoin', () => dtm({ useFactory: () => server, ...misspelled })],
    ['tables.retentoin', () => SteppingModule.forRoot({ tables: misspelled })],
    ['tables.retentoin', () => steppingMigrations(misspelled)],
    ['@Step() of Pay.retentoin', () => Step({ name: 'pay', ...misspelled })(Pay)],
    [
      '@Step() of Pay.transactional.retentoin',
      () => Step({ transactional: { dataSource: 'default', ...misspelled } })(Pay),
    ],
  ])('%s', (option, write) => {
    expect(write).toThrow(
      expect.objectContaining({
        code: 'STEPPING_INVALID_OPTION',
        option,
        message: expect.stringMatching(/^Unknown option '.*retentoin': use one of \w+/),
      }),
    );
  });

  it('of a job, of a filter, and of what a test expects', async () => {
    const testing = new SteppingTesting();
    const app = await testing.override(Test.createTestingModule({ imports: [memory()] })).compile();
    await app.init();
    const unknown = { code: 'STEPPING_INVALID_OPTION', message: expect.stringContaining('Unknown option') };
    expect(() => app.get(DistributedJobFactory).createJob(misspelled)).toThrow(
      expect.objectContaining({ ...unknown, option: 'createJob.retentoin' }),
    );
    await expect(app.get(DistributedJobs).list(misspelled)).rejects.toMatchObject(unknown);
    await expect(testing.expectJob(misspelled)).rejects.toMatchObject(unknown);
    await expect(testing.expectNoJob(misspelled)).rejects.toMatchObject(unknown);
    await app.close();
  });
});

describe.each([[null], ['x'], [5], [[]], [[{}]]])('instead of options, %o is refused', (given: any) => {
  const refused = expect.objectContaining({
    code: 'STEPPING_INVALID_OPTION',
    message: expect.stringMatching(/^Invalid option '.+': expected .+, got .+\.$/),
  });
  const started: INestApplicationContext[] = [];
  afterEach(async () => {
    for (const app of started.splice(0)) await app.close();
  });
  const start = async () => {
    const testing = new SteppingTesting();
    const imports = [
      SteppingModule.forRoot(),
      SteppingEventsModule.forRoot({
        transports: { shop: { confirms: 'nothing', publish: async () => undefined } },
      }),
    ];
    const app = await testing
      .override(Test.createTestingModule({ imports, providers: [SteppingHealthIndicator] }))
      .compile();
    started.push(app);
    await app.init();
    return { app, testing };
  };

  it.each<[string, () => unknown]>([
    ['forRoot()', () => SteppingModule.forRoot(given)],
    ['forRootAsync()', () => SteppingModule.forRootAsync(given)],
    ['transactionManager', () => SteppingModule.forRoot({ transactionManager: given })],
    [
      'transactionManager beside a factory',
      () => SteppingModule.forRootAsync({ useFactory, transactionManager: given }),
    ],
    ['tables', () => SteppingModule.forRoot({ tables: given })],
    ['steppingMigrations()', () => steppingMigrations(given)],
    ['http', () => SteppingModule.forRoot({ http: given })],
    ['codec', () => SteppingModule.forRoot({ codec: given })],
    ['selfTm()', () => selfTm(given)],
    ['dtm()', () => dtm(given)],
    ['dtmJob()', () => dtmJob(given)],
    ['dashboard', () => SteppingDashboardModule.forRoot(given)],
    ['dashboard from a factory', () => SteppingDashboardModule.forRootAsync(given)],
    ['events', () => SteppingEventsModule.forRoot(given)],
    ['events from a factory', () => SteppingEventsModule.forRootAsync(given)],
    ['clientProxyTransport()', () => clientProxyTransport('client', given)],
    ['telemetry', () => SteppingTelemetryModule.forRoot(given)],
    ['aesGcmCodec()', () => aesGcmCodec(given)],
    ['the keys of aesGcmCodec()', () => aesGcmCodec({ keys: given, current: 'a' })],
    [
      'transactional of @Step()',
      () => Step({ transactional: Array.isArray(given) ? given : null } as any)(Pay),
    ],
    ['SteppingTesting', () => new SteppingTesting(given)],
  ])('for %s', (_, write) => expect(write).toThrow(refused));

  it('for @Step(), which also takes a name', () => {
    if (given !== 'x') expect(() => Step(given)(Pay)).toThrow(refused);
  });

  it.each<[string, () => DynamicModule]>([
    ['forRootAsync()', () => SteppingModule.forRootAsync({ useFactory: () => given })],
    ['selfTm()', () => SteppingModule.forRoot({ transactionManager: selfTm({ useFactory: () => given }) })],
    ['dtm()', () => SteppingModule.forRoot({ transactionManager: dtm({ useFactory: () => given }) })],
  ])('from a factory of %s', async (_, module) => {
    const compiled = Test.createTestingModule({ imports: [module()] })
      .setLogger(false as never)
      .compile();
    await expect(compiled).rejects.toThrow(refused);
  });

  it('for what is called when the application runs', async () => {
    const { app, testing } = await start();
    const [jobs, operations] = [app.get(DistributedJobs), app.get(SteppingOperations)];
    const calls: Record<string, () => unknown> = {
      createJob: () => app.get(DistributedJobFactory).createJob(given),
      addStep: () => app.get(DistributedJobFactory).createJob().addStep('http-request', {}, given),
      publish: () => app.get(EventOutbox).publish('shop', 'order.placed', {}, given),
      list: () => jobs.list(given),
      count: () => jobs.count(given),
      retry: () => jobs.retry('gid', given),
      cancel: () => jobs.cancel('gid', given),
      skip: () => jobs.skip('gid', given),
      retryAll: () => jobs.retryAll({}, given),
      cancelAll: () => jobs.cancelAll(given, { by: 'me', reason: 'none' }),
      audit: () => jobs.audit(given),
      pause: () => operations.pause('pay', given),
      resume: () => operations.resume('pay', given),
      health: () => operations.health(given),
      fleet: () => app.get(SteppingHealthIndicator).fleet('stepping', given),
      expectJob: () => testing.expectJob(given),
      drain: () => testing.drain(given),
      advance: () => testing.advance(1, given),
      crashAt: () => testing.crashAt('step:executed', given),
    };
    for (const [name, call] of Object.entries(calls)) {
      await expect((async () => call())(), name).rejects.toThrow(refused);
    }
  });
});

describe('an option in the wrong place', () => {
  const start = async (module: DynamicModule): Promise<unknown> =>
    Test.createTestingModule({ imports: [module] })
      .setLogger(false as never)
      .compile();

  it.each<[string, () => DynamicModule, RegExp]>([
    [
      'transactionManager from a factory',
      () => SteppingModule.forRootAsync({ useFactory: () => ({ transactionManager: selfTm() }) as object }),
      /'transactionManager'.*beside it, as in forRootAsync\(\{ transactionManager, useFactory \}\)/,
    ],
    [
      'isGlobal from a factory',
      () => SteppingModule.forRootAsync({ useFactory: () => ({ isGlobal: false }) as object }),
      /'isGlobal'.*beside it, as in forRootAsync\(\{ isGlobal, useFactory \}\)/,
    ],
    [
      'an option misspelled by a factory',
      () => SteppingModule.forRootAsync({ useFactory: () => misspelled }),
      /^Unknown option 'retentoin'/,
    ],
    [
      'an option of selfTm() misspelled by a factory',
      () => SteppingModule.forRoot({ transactionManager: selfTm({ useFactory: () => misspelled }) }),
      /^Unknown option 'selfTm\.retentoin'/,
    ],
    [
      'the protocol from a factory of dtm()',
      () =>
        SteppingModule.forRoot({
          transactionManager: dtm({ useFactory: () => ({ ...server, protocol: 'grpc' }) }),
        }),
      /'dtm\.protocol'.*beside it, as in dtm\(\{ protocol, useFactory \}\)/,
    ],
  ])('%s', async (_, module, message) => {
    await expect(start(module())).rejects.toMatchObject({
      code: 'STEPPING_INVALID_OPTION',
      message: expect.stringMatching(message),
    });
  });

  it('two factories at once', () => {
    expect(() => SteppingModule.forRootAsync({ useFactory, useClass: class {} as never })).toThrow(
      /one of useFactory, useClass and useExisting/,
    );
  });
});

it('the module imported twice is an error that names both places', async () => {
  const memory = (): DynamicModule =>
    SteppingModule.forRoot({ transactionManager: selfTm({ store: 'memory' }) });
  @Module({ imports: [memory()] })
  class Billing {}
  @Module({ imports: [Billing, memory()] })
  class Shop {}
  await expect(
    Test.createTestingModule({ imports: [Shop] })
      .setLogger(false as never)
      .compile(),
  ).rejects.toMatchObject({
    code: 'STEPPING_MODULE_IMPORTED_TWICE',
    importedBy: ['Shop', 'Billing'],
    message: expect.stringMatching(
      /imported more than once \(found in: 'Shop' and 'Billing'\)\. .*one module only/,
    ),
  });
});

describe('the module without forRoot()', () => {
  const compiled = (root: Type): Promise<unknown> =>
    Test.createTestingModule({ imports: [root] })
      .setLogger(false as never)
      .compile();

  it.each([SteppingModule, SteppingEventsModule, SteppingDashboardModule, SteppingTelemetryModule])(
    'is an error that names it: $name',
    async (ours) => {
      @Module({ imports: [ours] })
      class Shop {}
      await expect(compiled(Shop)).rejects.toMatchObject({
        code: 'STEPPING_INVALID_OPTION',
        message: expect.stringContaining(`${ours.name}.forRoot()`),
      });
    },
  );

  it('leaves the errors of its settings as they are', async () => {
    class Missing {}
    const throws = () => {
      throw new Error('no settings today');
    };
    for (const [settings, told] of [
      [{ inject: [Missing], useFactory: () => ({}) }, 'argument Missing'],
      [{ useFactory: throws }, 'no settings today'],
    ] as const) {
      for (const ours of [SteppingModule, SteppingEventsModule, SteppingDashboardModule]) {
        @Module({ imports: [ours.forRootAsync(settings as never)] })
        class Shop {}
        await expect(compiled(Shop)).rejects.toThrow(told);
      }
    }
  });

  it('beside another one that has it counts as imported twice', async () => {
    @Module({ imports: [SteppingModule] })
    class Billing {}
    @Module({
      imports: [Billing, SteppingModule.forRoot({ transactionManager: selfTm({ store: 'memory' }) })],
    })
    class Shop {}
    await expect(compiled(Shop)).rejects.toMatchObject({
      code: 'STEPPING_MODULE_IMPORTED_TWICE',
      importedBy: ['Shop', 'Billing'],
    });
  });
});
