import { createSecretKey, randomBytes } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import { withoutKeyRequests } from '../../../lib/core/payloads/key-requests.js';
import {
  aesGcmCodec,
  InvalidOptionError,
  PayloadCorruptError,
  PayloadKeyUnknownError,
  SteppingModule,
  type KeyLike,
  type PayloadCodec,
  type PayloadContext,
} from '../../../lib/index.js';

const k1 = randomBytes(32);
const k2 = randomBytes(32);
const context: PayloadContext = { gid: 'order-1', stepIndex: 3, purpose: 'args' };
const TEXT = '{"card":"4111 1111","naïve":"☂ 😀"}';

/** Reads what comes as a promise, or as an error. */
const settled = async (work: () => unknown) => (async () => work())();

describe('aesGcmCodec', () => {
  const codec = aesGcmCodec({ keys: { k1 }, current: 'k1' });

  it('gives a text back that it has encrypted, with the id of its key, and never the same twice', async () => {
    const encoded = await codec.encode(TEXT, context);
    expect(encoded).toMatch(/^k1:[\w-]+$/);
    expect(encoded).not.toBe(await codec.encode(TEXT, context));
    expect(await codec.decode(encoded, context)).toBe(TEXT);
    expect(await codec.decode(await codec.encode('', context), context)).toBe('');
  });

  it('uses no initialization vector twice', async () => {
    const ivs = new Set<string>();
    const other = aesGcmCodec({ keys: { k1 }, current: 'k1' });
    for (let n = 0; n < 1000; n += 1) {
      for (const one of [codec, other]) {
        const encoded = await one.encode(TEXT, context);
        ivs.add(Buffer.from(encoded.slice(3), 'base64url').subarray(0, 12).toString('hex'));
        expect(await one.decode(encoded, context)).toBe(TEXT);
      }
    }
    expect(ivs.size).toBe(2000);
  });

  it.each<[string, Partial<PayloadContext>]>([
    ['gid', { gid: 'order-2' }],
    ['gid in another case', { gid: 'Order-1' }],
    ['step', { stepIndex: 2 }],
    ['purpose', { purpose: 'error' }],
    ['tenant', { tenant: 'acme' }],
  ])('binds a text to its place: another %s', async (_, other) => {
    const encoded = await codec.encode(TEXT, context);
    await expect(settled(() => codec.decode(encoded, { ...context, ...other }))).rejects.toBeInstanceOf(
      PayloadCorruptError,
    );
  });

  it.each<[string, (encoded: string) => string]>([
    [
      'one that was changed',
      (text) => text.slice(0, -3) + (text.at(-3) === 'A' ? 'B' : 'A') + text.slice(-2),
    ],
    ['one that was cut', (text) => text.slice(0, -6)],
    ['one without its content', () => 'k1:'],
    ['one of another make', () => 'no text of this codec'],
    ['none', () => ''],
  ])('refuses %s as damaged', async (_, damage) => {
    const encoded = damage(await codec.encode(TEXT, context));
    await expect(settled(() => codec.decode(encoded, context))).rejects.toBeInstanceOf(PayloadCorruptError);
  });

  it('decodes with older keys, and tells an unknown key from damage', async () => {
    const old = await codec.encode(TEXT, context);
    const rotated = aesGcmCodec({ keys: { k2, k1 }, current: 'k2' });
    expect(await rotated.encode(TEXT, context)).toMatch(/^k2:/);
    expect(await rotated.decode(old, context)).toBe(TEXT);
    const without = aesGcmCodec({ keys: { k2 }, current: 'k2' });
    await expect(settled(() => without.decode(old, context))).rejects.toMatchObject({
      code: 'STEPPING_PAYLOAD_KEY_UNKNOWN',
      keyId: 'k1',
    });
    // An id that belongs to another key is damage, or a mistake, and no unknown key.
    const wrong = aesGcmCodec({ keys: { k1: k2 }, current: 'k1' });
    await expect(settled(() => wrong.decode(old, context))).rejects.toBeInstanceOf(PayloadCorruptError);
  });

  it.each<[string, KeyLike]>([
    ['bytes', new Uint8Array(k1)],
    ['base64', k1.toString('base64')],
    ['base64url', k1.toString('base64url')],
    ['hexadecimal digits', k1.toString('hex')],
    ['a KeyObject', createSecretKey(k1)],
  ])('takes a key as %s', async (_, key) => {
    const other = aesGcmCodec({ keys: { k1: key }, current: 'k1' });
    expect(await other.decode(await codec.encode(TEXT, context), context)).toBe(TEXT);
  });

  it.each<[string, object]>([
    ['a key that is too short', { keys: { k1: k1.subarray(1) }, current: 'k1' }],
    ['a password', { keys: { k1: 'correct horse battery staple 1234' }, current: 'k1' }],
    ['a short KeyObject', { keys: { k1: createSecretKey(k1.subarray(16)) }, current: 'k1' }],
    ['a key that is missing', { keys: { k1: undefined }, current: 'k1' }],
    ['an older key that is missing', { keys: { k1, k0: undefined }, current: 'k1' }],
    ['a current key that is not there', { keys: { k1 }, current: 'k2' }],
    ['an id with a colon', { keys: { 'k:1': k1 }, current: 'k:1' }],
    ['an empty id', { keys: { '': k1 }, current: '' }],
    ['no current key', { keys: { k1 } }],
    ['no keys', { current: 'k1' }],
    ['a list of keys', { keys: [k1], current: '0' }],
    ['a misspelled option', { keys: { k1 }, current: 'k1', curent: 'k1' }],
  ])('refuses %s, and shows none of it', (_, options) => {
    const error = refusal(options);
    expect(error).toBeInstanceOf(InvalidOptionError);
    expect(JSON.stringify(error) + String(error)).not.toContain('correct horse');
  });

  it.each<[string, object, string]>([
    ['a password', { keys: { k: 'password' }, current: 'k' }, 'a value that is not shown'],
    ['a key that is missing', { keys: { k: undefined }, current: 'k' }, 'undefined'],
    ['a list of keys', { keys: [k1], current: 'k' }, 'a value that is not shown'],
    ['no keys', { current: 'k' }, 'undefined'],
    ['an id with a colon', { keys: { k: k1, 'k:1': k1 }, current: 'k' }, 'a value that is not shown'],
    ['no current key', { keys: { k: k1 } }, 'undefined'],
    ['a key as the current one', { keys: { k1 }, current: k1.toString('hex') }, 'a value that is not shown'],
  ])('tells of %s whether something was given', (_, options, got) => {
    expect(String(refusal(options))).toMatch(new RegExp(`, got ${got}\\.$`));
  });
});

it('a key in the place of the codec is refused, and not shown', () => {
  const start = (codec: unknown) => () => SteppingModule.forRoot({ codec: codec as PayloadCodec });
  const expected = "Invalid option 'codec': expected an object with the functions encode and decode, got";
  expect(start('correct horse')).toThrow(`${expected} a value that is not shown.`);
  expect(start(null)).toThrow(`${expected} null.`);
});

function refusal(options: object): unknown {
  try {
    aesGcmCodec(options as never);
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('aesGcmCodec with keys from a function', () => {
  it('loads them at start and keeps them', async () => {
    const keys = vi.fn(async () => ({ k1 }));
    const codec = aesGcmCodec({ keys, current: 'k1' });
    expect(keys).not.toHaveBeenCalled();
    await codec.load!();
    const encoded = codec.encode(TEXT, context);
    expect(typeof encoded).toBe('string');
    expect(await codec.decode(await encoded, context)).toBe(TEXT);
    expect(keys.mock.calls).toEqual([[]]);
  });

  it('asks again for an unknown id, once for all who wait for it', async () => {
    const store: Record<string, Buffer> = { k2 };
    const keys = vi.fn(async (ids?: string[]) =>
      Object.fromEntries((ids ?? ['k2']).map((id) => [id, store[id]])),
    );
    const codec = aesGcmCodec({ keys: keys as never, current: 'k2' });
    await codec.load!();
    const old = await aesGcmCodec({ keys: { k1 }, current: 'k1' }).encode(TEXT, context);
    const older = await aesGcmCodec({ keys: { k0: k1 }, current: 'k0' }).encode(TEXT, context);
    const unknown = settled(() => codec.decode(old, context));
    await expect(unknown).rejects.toBeInstanceOf(PayloadKeyUnknownError);

    store.k1 = k1;
    store.k0 = k1;
    const texts = await Promise.all([old, old, older].map(async (text) => codec.decode(text, context)));
    expect(texts).toEqual([TEXT, TEXT, TEXT]);
    expect(keys.mock.calls).toEqual([[], [['k1']], [['k1', 'k0']]]);
    expect(await codec.decode(old, context)).toBe(TEXT);
    expect(keys).toHaveBeenCalledTimes(3);
  });

  it('never asks while a transaction is open', async () => {
    const keys = vi.fn(async () => ({ k1, k2 }));
    const codec = aesGcmCodec({ keys, current: 'k1' });
    const encoded = await aesGcmCodec({ keys: { k2 }, current: 'k2' }).encode(TEXT, context);
    await withoutKeyRequests(async () => {
      await expect(settled(() => codec.encode(TEXT, context))).rejects.toThrow('while a transaction is open');
      await expect(settled(() => codec.decode(encoded, context))).rejects.toBeInstanceOf(
        PayloadKeyUnknownError,
      );
    });
    expect(keys).not.toHaveBeenCalled();
    expect(await codec.decode(encoded, context)).toBe(TEXT);
  });

  it.each<[string, () => unknown, string]>([
    ['throws', () => Promise.reject(new Error('vault: token s.1234')), 'could not be asked for (Error)'],
    ['lacks the current key', () => ({ k2 }), 'does not have it'],
    ['gives no keys', () => 'k1', 'keys by id'],
    ['gives a bad key', () => ({ k1: 'secret-but-short' }), 'a key of 256 bits'],
  ])('cannot be loaded when the function %s, and says so without showing anything', async (_, keys, text) => {
    const error = await aesGcmCodec({ keys: keys as never, current: 'k1' }).load!()?.catch(
      (thrown: Error) => thrown,
    );
    expect(error).toBeInstanceOf(PayloadKeyUnknownError);
    expect(error!.message).toContain(text);
    expect(error!.message).not.toMatch(/s\.1234|secret-but/);
  });

  it('waits for a bounded time', async () => {
    vi.useFakeTimers();
    try {
      const codec = aesGcmCodec({ keys: () => new Promise(() => undefined), current: 'k1' });
      const loading = expect(codec.load!()).rejects.toThrow('could not be asked for');
      await vi.advanceTimersByTimeAsync(5000);
      await loading;
    } finally {
      vi.useRealTimers();
    }
  });
});
