import { Module, type DynamicModule } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { describe, expect, it } from 'vitest';
import { DistributedJobFactory, DistributedJobs, selfTm, Step, SteppingModule } from '../../../lib/index.js';
import { dtm } from '../../../lib/tm/dtm/index.js';
import { SteppingTesting } from '../../../lib/testing/index.js';
import { steppingMigrations } from '../../../lib/index.js';

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
