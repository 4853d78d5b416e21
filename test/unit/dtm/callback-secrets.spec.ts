import { randomBytes, randomUUID } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { InvalidOptionError } from '../../../lib/index.js';
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
    if (typeof secret === 'string' && secret.trim().length > 9) expect(error!.message).not.toContain(secret);
    // An old one opens the door as well.
    expect(refusal(['KJu3-9dkw_21lsQmZx', secret])).toBeInstanceOf(InvalidOptionError);
  });

  it('is not there in an empty list', () => {
    expect(refusal([])).toBeInstanceOf(InvalidOptionError);
  });

  it.for([
    'KJu3-9dkw_21lsQmZx',
    'nine purple llamas jump over a frozen harbour',
    'пять лиловых лам прыгают через лёд',
    '8f3a91bc4e7d20659b1f',
    'c598e16a-6689-4321-898a-8bc81bbca778',
    'cf76daac-dedc-4320-8fed-dbea110ed458',
  ])('is taken when it is not: %s', (secret) => {
    expect(refusal(secret)).toBeUndefined();
  });

  it('is taken when it is random', () => {
    for (let count = 0; count < 2000; count++) {
      const random = [
        randomBytes(32).toString('base64'),
        randomBytes(32).toString('hex'),
        randomBytes(16).toString('base64url'),
        randomUUID(),
      ];
      for (const secret of random) expect(refusal(secret), secret).toBeUndefined();
    }
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
