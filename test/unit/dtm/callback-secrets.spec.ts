import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidOptionError } from '../../../lib/index.js';
import { weaknessOf } from '../../../lib/tm/dtm/callback-secrets.js';
import { dtm } from '../../../lib/tm/dtm/index.js';

const root = join(import.meta.dirname, '../../..');
const OTHERS = { server: 'http://127.0.0.1:1', callback: 'http://127.0.0.1:1' };

function refusal(secrets: unknown): InvalidOptionError | undefined {
  try {
    dtm({ ...OTHERS, secrets: secrets as string });
    return undefined;
  } catch (error) {
    return error as InvalidOptionError;
  }
}

describe('a secret for callbacks', () => {
  it.for([
    ' '.repeat(16),
    '\t'.repeat(20),
    '\n'.repeat(16),
    '\u00a0\u3000\u200b\ufeff'.repeat(8),
    `a${' '.repeat(30)}b`,
    '                short',
    'x'.repeat(16),
    '0'.repeat(64),
    'abababababababab',
    '😀'.repeat(8),
    '1234567890123456',
    '12345678901234567890',
    '0123456789abcdef',
    'abcdefghijklmnopqrstuvwxyz',
    'zyxwvutsrqponmlkj',
    'qwertyuiopasdfgh',
    'undefined-undefined',
    'undefinedundefined',
    'undefined-prod-7d8f2a91',
    'orders:null:production-eu1',
    '[object Object]-secret1',
    'NaN-orders-service-NaN',
    '${STEPPING_SECRET}',
    '{{ stepping_secret }}',
    '%STEPPING_SECRET%',
    '$STEPPING_SECRET',
    '<your secret here>',
    'process.env.STEPPING_SECRET',
    'changemechangeme',
    'change-me-change-me',
    'changeme12345678',
    'CHANGE_THIS_SECRET_NOW',
    'your-secret-key-here',
    'this is a secret key',
    'replace-me-in-production',
    'secretsecretsecret',
    'secret123456789012',
    'passwordpassword',
    'my super secret password',
    'development-secret',
    'only for development',
    'Only for Development!',
    'a secret from wherever yours are',
    'correct horse battery staple',
    'openssl rand -base64 32',
    '$(openssl rand -base64 32)',
    '`openssl rand -base64 32`',
    'dtm $(vault read stepping)',
    'head -c 32 /dev/urandom | base64',
    'cat /run/secrets/orders',
    "crypto.randomBytes(32).toString('hex')",
    '${{ secrets.STEPPING }}',
    '${orders.callbacks.key:-}',
    '<%= ENV["ORDERS"] %>',
    '$stepping_secret_key',
    'file:///run/secrets/stepping',
    '/run/secrets/orders',
    '~/orders/callbacks.key',
    'C:\\orders\\callbacks.key',
    'http://localhost:36789',
    'https://orders.example.com/jobs',
    'orders.internal:36789',
    'P@ssw0rdP@ssw0rd1',
    'P@ssw0rd12345678',
    'p4ssw0rdp4ssw0rd12',
    's3cr3t-k3y-f0r-dtm',
    'iloveyouiloveyou1',
    'trustno1trustno1!',
    'x7iloveyouiloveyou',
    'Tr0ub4dorTr0ub4dor24!',
    '1q2w3e4r5t6y7u8i',
    '1qaz2wsx3edc4rfv',
    'zaq12wsxcde34rfv',
    'qazwsxedcrfvtgbyhn',
    'qqwweerrttyyuuii',
    'qwerty-for-production',
    'a1b2c3d4e5f6g7h8',
    'z9y8x7w6v5u4t3s2',
    'too short',
    '',
    7,
    null,
    {},
  ])('is refused when it is easy to guess: %j', (secret) => {
    const error = refusal([secret]);
    expect(error).toBeInstanceOf(InvalidOptionError);
    expect(error).toMatchObject({ option: 'dtm.secrets', value: undefined });
    expect(error!.message).toContain('openssl rand');
    // Only the command is in every refusal.
    const shown = typeof secret === 'string' ? secret.trim() : '';
    if (shown.length > 9 && !shown.startsWith('openssl')) expect(error!.message).not.toContain(secret);
    // An old one opens the door as well.
    expect(refusal(['KJu3-9dkw_21lsQmZx', secret])).toBeInstanceOf(InvalidOptionError);
  });

  it('is not there in an empty list', () => {
    expect(refusal([])).toBeInstanceOf(InvalidOptionError);
  });

  it.for([
    'KJu3-9dkw_21lsQmZx',
    'nine purple llamas jump over a frozen harbour',
    'nine-purple-llamas-jump-over-a-frozen-harbour',
    'nine purple llamas - over a frozen harbour',
    '/Zk3yQp+8vWc1TnRx5bLs2Jd9f==',
    'пять лиловых лам прыгают через лёд',
    '8f3a91bc4e7d20659b1f',
    'c598e16a-6689-4321-898a-8bc81bbca778',
    'cf76daac-dedc-4320-8fed-dbea110ed458',
  ])('is taken when it is not: %s', (secret) => {
    expect(refusal(secret)).toBeUndefined();
  });

  const bytes = (length: number): fc.Arbitrary<Buffer> =>
    fc.noBias(fc.uint8Array({ minLength: length, maxLength: length })).map((values) => Buffer.from(values));
  const typed = (characters: string): fc.Arbitrary<string> =>
    fc.noBias(fc.string({ unit: fc.constantFrom(...Array.from(characters)), minLength: 20, maxLength: 20 }));
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

  it.each<[what: string, random: fc.Arbitrary<string>]>([
    ['openssl rand -base64 32', bytes(32).map((value) => value.toString('base64'))],
    ['openssl rand -hex 32', bytes(32).map((value) => value.toString('hex'))],
    ['24 bytes in base64url', bytes(24).map((value) => value.toString('base64url'))],
    ['16 bytes in base64url', bytes(16).map((value) => value.toString('base64url'))],
    ['a UUID', fc.noBias(fc.uuid({ version: 4 }))],
    ['20 letters and digits', typed(letters)],
    ['20 characters of a keyboard', typed(`${letters}!"#$%&'()*+,-./:;<=>?@[\\]^_\`{|}~`)],
  ])('is taken when it is random: %s', (_, random) => {
    fc.assert(
      fc.property(random, (secret) => weaknessOf(secret) === undefined),
      { numRuns: 5000 },
    );
  });

  it('stands in no documentation, and nowhere with a default', () => {
    const pages = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.md'),
    );
    const sources = [join(root, 'README.md'), ...pages.map((name) => join(root, 'docs', name))];
    const settings = sources.flatMap((path) =>
      [...readFileSync(path, 'utf8').matchAll(/^\s*secrets: (.*)$/gm)].map(([, value]) => value!),
    );
    expect(settings.length).toBeGreaterThan(1);
    for (const value of settings) expect(value).not.toMatch(/['"`]|\?\?|\|\|/);
  });
});
