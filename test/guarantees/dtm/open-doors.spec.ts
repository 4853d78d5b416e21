import { Test } from '@nestjs/testing';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { InvalidOptionError, SteppingModule } from '../../../lib/index.js';
import { dtm, DtmCallbacksUnprotectedError, type DtmOptions } from '../../../lib/tm/dtm/index.js';
import { CallbackApplication } from '../../support/dtm/callback-application.js';
import { logOf } from '../../support/log-lines.js';

const HTTP = { server: 'http://127.0.0.1:9', callback: 'http://127.0.0.1:9', serverTimeout: 200 } as const;
const GRPC = {
  protocol: 'grpc',
  server: '127.0.0.1:9',
  callback: '127.0.0.1:9',
  listen: false,
  serverTimeout: 200,
} as const;

function start(options: DtmOptions) {
  const imports = [SteppingModule.forRoot({ transactionManager: dtm(options) })];
  return Test.createTestingModule({ imports }).compile();
}

describe('callbacks without a secret', () => {
  afterEach(() => vi.unstubAllEnvs());

  it.for([undefined, '', 'development', 'test', 'production', 'staging'])(
    'are refused at the start, with NODE_ENV %j',
    async (environment) => {
      vi.stubEnv('NODE_ENV', environment);
      for (const options of [
        HTTP,
        GRPC,
        { ...HTTP, allowUnsigned: false },
        { ...HTTP, secrets: undefined },
      ]) {
        await expect(start(options)).rejects.toThrow(DtmCallbacksUnprotectedError);
      }
      const factory = dtm({ useFactory: () => HTTP });
      const imports = [SteppingModule.forRoot({ transactionManager: factory })];
      await expect(Test.createTestingModule({ imports }).compile()).rejects.toThrow(
        DtmCallbacksUnprotectedError,
      );
    },
  );

  it.for(['http', 'grpc'] as const)(
    'are taken by allowUnsigned alone, with a warning (%s)',
    async (protocol) => {
      const warnings = () => logOf('not signed').length;
      const before = warnings();
      const application = await CallbackApplication.start(protocol, {
        secrets: undefined,
        allowUnsigned: true,
      });
      try {
        expect(warnings()).toBe(before + 1);
        const body = JSON.stringify({
          step: 'pay',
          time: Date.now(),
          requestTimeout: 30,
          args: { protocol },
        });
        expect(await application.step('open', '01', body)).toBe(protocol === 'http' ? 200 : 0);
        expect(application.executed).toContainEqual({ step: 'pay', args: { protocol } });
      } finally {
        await application.close();
      }
    },
  );

  it('are not taken where there is a secret, whatever allowUnsigned says', async () => {
    const application = await CallbackApplication.start('http', { allowUnsigned: true });
    try {
      const body = JSON.stringify({ step: 'pay', time: Date.now(), requestTimeout: 30, args: 'beside' });
      expect(await application.step('beside', '01', body)).toBe(401);
      expect(application.executed).not.toContainEqual({ step: 'pay', args: 'beside' });
    } finally {
      await application.close();
    }
  });
});

describe('an address that was refused', () => {
  it.for<[string, DtmOptions]>([
    ['server', { ...HTTP, server: 'http://admin:hunter22@dtm:36789' }],
    ['server', { ...HTTP, server: 'http://dtm:36789?token=hunter22' }],
    ['server', { ...HTTP, server: 'http://dtm:36789#hunter22' }],
    ['server', { ...HTTP, server: 'http//admin:hunter22@dtm' }],
    ['callback', { ...HTTP, callback: 'https://admin:hunter22@orders' }],
    ['httpApi', { ...HTTP, httpApi: 'http://:hunter22@dtm:36789' }],
    ['server', { ...GRPC, server: 'admin:hunter22@dtm:36790' }],
    ['callback', { ...GRPC, callback: 'http://admin:hunter22@orders:50051' }],
    ['listen', { ...GRPC, listen: 'admin:hunter22@0.0.0.0:50051' }],
  ])('shows no password: %s', ([option, options]) => {
    let error: unknown;
    try {
      dtm({ ...options, allowUnsigned: true });
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(InvalidOptionError);
    expect(error).toMatchObject({ option: `dtm.${option}` });
    expect(JSON.stringify(error) + String((error as Error).stack)).not.toContain('hunter22');
  });
});
