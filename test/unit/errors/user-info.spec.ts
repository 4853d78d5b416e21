import { inspect } from 'node:util';
import { expect, it } from 'vitest';
import { DataSourceNotFoundError, InvalidOptionError } from '../../../lib/errors/index.js';
import { withoutUserInfo } from '../../../lib/errors/printable.js';

it.each([
  ['postgres://shop:hunter22@db/shop', 'postgres://db/shop'],
  ['postgres://shop:hun/ter@22@db/shop', 'postgres://db/shop'],
  ['amqp://shop@db', 'amqp://db'],
  ['http://127.0.0.1:8080/users/@me', 'http://127.0.0.1:8080/users/@me'],
  ['https://registry.example/@scope/name', 'https://registry.example/@scope/name'],
  ['no URL: a@b', 'no URL: a@b'],
])('of %s nobody is told who connects, and how', (text, shown) => {
  expect(withoutUserInfo(text)).toBe(shown);
});

it.each(['postgres://shop:hunter22@db/shop', 'postgres://shop:hunter22/x@db/shop'])(
  'an error tells no password of a URL in the place of a name: %s',
  (url) => {
    for (const error of [
      new DataSourceNotFoundError(url, ['default']),
      new InvalidOptionError('tables.schema', url, 'an SQL identifier'),
    ]) {
      expect(inspect(error)).toContain('postgres://db/shop');
      expect(inspect(error) + JSON.stringify(error)).not.toContain('hunter22');
    }
    expect(new DataSourceNotFoundError(url, []).dataSource).toBe(url);
  },
);

it('long texts are looked through in a time that grows with them only', () => {
  const began = performance.now();
  for (const part of ['//a:', '//', '//a', 'a:']) withoutUserInfo(part.repeat(250_000));
  expect(performance.now() - began).toBeLessThan(10_000);
});
