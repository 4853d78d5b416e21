import { describe, expect, it } from 'vitest';
import { InvalidOptionError } from '../../../lib/index.js';
import { dtm, dtmJob, type DtmJobOptions, type DtmOptions } from '../../../lib/tm/dtm/index.js';

const HTTP: DtmOptions = { server: 'http://127.0.0.1:36789', callback: 'http://127.0.0.1:3000' };
const GRPC: DtmOptions = { protocol: 'grpc', server: '127.0.0.1:36790', callback: '127.0.0.1:50051' };

function refusal(work: () => unknown): InvalidOptionError {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidOptionError);
    return error as InvalidOptionError;
  }
  throw new Error('it was accepted');
}

describe('dtm()', () => {
  it.for<[string, Partial<DtmOptions>]>([
    ['requestTimeout', { requestTimeout: 1500 }],
    ['requestTimeout', { requestTimeout: '1s' }],
    ['requestTimeout', { requestTimeout: '2h' }],
    ['requestTimeout', { requestTimeout: 'soon' }],
    ['retryInterval', { retryInterval: 0 }],
    ['retryInterval', { retryInterval: '500ms' }],
    ['queryPreparedAfter', { queryPreparedAfter: '0s' }],
    ['callbackPath', { callbackPath: '/stepping' }],
    ['callbackPath', { callbackPath: 'a b' }],
    ['secrets', { secrets: 'too short' }],
    ['secrets', { secrets: [] }],
    ['server', { server: 'dtm:36789' }],
    ['server', { server: 'http://user:word@dtm:36789' }],
    ['callback', { callback: 'ftp://orders' }],
    ['listen', { listen: '0.0.0.0:1' }],
    ['tls', { tls: true }],
    ['maxPayloadBytes', { maxPayloadBytes: 5 * 1024 * 1024 }],
    ['serverTimeout', { serverTimeout: 10 }],
    ['allowUnsigned', { allowUnsigned: 'yes' as never }],
    ['protocol', { protocol: 'tcp' as never }],
    ['nonsense', { nonsense: true } as never],
  ])('refuses %s that cannot be: %o', ([option, options]) => {
    expect(refusal(() => dtm({ ...HTTP, ...options })).option).toBe(`dtm.${option}`);
  });

  it.for<[string, Partial<DtmOptions>]>([
    ['server', { server: 'http://dtm:36790' }],
    ['server', { server: 'dtm' }],
    ['server', { server: 'dtm:99999' }],
    ['callback', { callback: 'orders' }],
    ['listen', { listen: '50051' }],
  ])('refuses %s that gRPC does not know: %o', ([option, options]) => {
    expect(refusal(() => dtm({ ...GRPC, ...options })).option).toBe(`dtm.${option}`);
  });

  it.for<[string, Record<string, string>]>([
    ['a space', { 'a b': 'x' }],
    ['no name', { '': 'x' }],
    ['a name of DTM', { 'dtm-gid': 'x' }],
    ['a name of gRPC', { 'grpc-timeout': 'x' }],
    ['a name of the library', { 'Stepping-Query': 'x' }],
    ['a binary value', { 'trace-bin': 'x' }],
    ['the content type', { 'Content-Type': 'x' }],
    ['one name twice', { 'x-a': '1', 'X-A': '2' }],
    ['a value that is no ASCII', { 'x-tenant': 'Zoë' }],
    ['a line break', { 'x-a': 'a\nb' }],
  ])('refuses a header with %s', ([, headers]) => {
    const error = refusal(() => dtm({ ...HTTP, headers }));
    expect(error.option).toMatch(/^dtm\.headers\[/);
    expect(error.message).not.toContain('Zoë');
  });

  it.for<[string, Partial<DtmOptions>, string]>([
    ['an address with a password', { server: 'http://user:word@dtm:36789' }, 'a value that is not shown'],
    ['no address', { server: undefined }, 'undefined'],
    ['headers that are a text', { headers: 'Bearer word' as never }, 'a value that is not shown'],
    ['a header that is no ASCII', { headers: { 'x-tenant': 'Zoë' } }, 'a value that is not shown'],
    ['a header that is missing', { headers: { 'x-tenant': undefined as never } }, 'undefined'],
    ['a header for DTM that is missing', { serverHeaders: { a: undefined as never } }, 'undefined'],
    ['a header for DTM that is no text', { serverHeaders: { a: 7 as never } }, 'a value that is not shown'],
  ])('tells of %s whether something was given', ([, options, got]) => {
    const { message } = refusal(() => dtm({ ...HTTP, ...options }));
    expect(message).toMatch(new RegExp(`, got ${got}\\.$`));
    expect(message).not.toMatch(/word@|Bearer|Zoë/);
  });

  it('tells what a factory gave that stands beside it', async () => {
    const [settings] = dtm({ useFactory: () => ({ ...HTTP, protocol: 'grpc' }) as never }).providers;
    const { useFactory } = settings as { useFactory: () => Promise<unknown> };
    await expect(useFactory()).rejects.toThrow('got "grpc".');
  });

  it('takes seconds in any unit', () => {
    for (const requestTimeout of [7000, '7s', '7000ms']) dtm({ ...HTTP, requestTimeout });
  });
});

describe('dtmJob()', () => {
  it.for<DtmJobOptions>([
    { requestTimeout: 10 },
    { waitResult: 'yes' as never },
    { directHttpSteps: 1 as never },
    { headers: { 'dtm-op': 'x' } },
    { retries: 3 } as never,
  ])('refuses what cannot be: %o', (options) => {
    expect(refusal(() => dtmJob(options)).option).toMatch(/^dtmJob\./);
  });
});
