import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { errorReport, errorText } from '../../../lib/errors/error-text.js';

const trap = () => {
  throw new Error('a trap');
};
const throwing = (name: string, of: object = new Error('x')) =>
  Object.defineProperty(of, name, { get: trap });
const revoked = () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
};
/** Its methods are its own. */
class OddList extends Array<unknown> {
  override slice = trap;
  override [Symbol.iterator] = trap;
}
const withErrors = (errors: unknown) => Object.assign(new AggregateError([], 'several'), { errors });
const manyKeys = (length: number) => Object.fromEntries(Array.from({ length }, (_, i) => [`k${i}`, i]));
const deepCause = () => {
  let error = new Error('the deepest');
  for (let depth = 0; depth < 10_000; depth++) error = new Error(`at ${depth}`, { cause: error });
  return error;
};

describe('the text of what was thrown', () => {
  it.each<[string, unknown, RegExp]>([
    ['an error', new TypeError('no such thing'), /^TypeError: no such thing$/],
    ['an error of another realm', runInNewContext("new Error('from a sandbox')"), /^Error: from a sandbox$/],
    ['a code', Object.assign(new Error('refused'), { code: 'E_X' }), /^Error \[E_X\]: refused$/],
    [
      'a code that the message has',
      Object.assign(new Error('E_X: refused'), { code: 'E_X' }),
      /^Error: E_X: refused$/,
    ],
    ['a plain object with a message', { code: 'DECLINED', message: 'no' }, /^Error \[DECLINED\]: no$/],
    ['a plain object', { status: 500, body: { reason: 'full' } }, /status: 500.*reason: 'full'/],
    ['an object without a prototype', Object.assign(Object.create(null), { a: 1 }), /a: 1/],
    ['a text', 'declined', /^declined$/],
    ['null', null, /^null$/],
    ['an empty text', '', /^an empty text$/],
    ['a text of which nothing can be stored', '\u0000', /^an empty text$/],
    ['undefined', undefined, /^undefined$/],
    ['a symbol', Symbol('s'), /Symbol\(s\)/],
    ['a function', () => 1, /^a function$/],
    ['an object whose toString throws', { toString: trap }, /./],
    ['an object that inspects itself', { [Symbol.for('nodejs.util.inspect.custom')]: trap }, /./],
    ['a getter that throws', throwing('message'), /^Error: its message cannot be read$/],
    ['a stack that throws', throwing('stack'), /^Error: x$/],
    ['a name that throws', throwing('name'), /^Error: x$/],
    ['a cause that throws', throwing('cause'), /^Error: x$/],
    ['errors that throw', throwing('errors'), /^Error: x$/],
    [
      'an error among others that throws',
      withErrors(throwing('0', [0, new Error('b')])),
      /Error: several; .*b$/,
    ],
    ['a list with methods of its own', withErrors(OddList.from([new Error('a')])), /Error: several; .*a$/],
    ['a list that is revoked', withErrors(revoked()), /Error: several$/],
    ['a proxy that throws', new Proxy({}, { get: trap, getPrototypeOf: trap, ownKeys: trap }), /^a proxy$/],
    ['a proxy that is revoked', revoked(), /^a proxy$/],
    ['a proxy within an object', { a: 1, inner: revoked() }, /a: 1, inner: /],
    ['causes without an end', deepCause(), /^Error: at 9999; caused by Error: at 9998;/],
    [
      'an object of many properties',
      manyKeys(1000),
      /^an object of class Object with more than 50 properties$/,
    ],
    [
      'an object that holds such a one',
      { status: 500, body: { rows: manyKeys(1000) } },
      /^{ status: 500, body: { rows: \[Object\] } }$/,
    ],
    ['an object that holds an error', { error: new TypeError('of it') }, /TypeError: of it/],
    ['a cause', new Error('outer', { cause: new Error('inner') }), /^Error: outer; caused by Error: inner$/],
    [
      'the errors of an AggregateError',
      new AggregateError([new Error('one'), new Error('two')]),
      /^AggregateError; one of its errors: Error: one; one of its errors: Error: two$/,
    ],
    ['NUL and half a character', new Error('a\0b\ud800'), /^Error: ab\uFFFD$/],
  ])('tells %s', (_, thrown, expected) => {
    expect(errorText(thrown)).toMatch(expected);
    expect(errorReport(thrown, 4000)).toContain(errorText(thrown).split('; ')[0]);
  });

  it('ends, where errors are each their own cause', () => {
    const [left, right] = [new Error('left'), new Error('right')];
    left.cause = right;
    right.cause = left;
    expect(errorText(left)).toBe('Error: left; caused by Error: right');
  });

  it.each([
    ['one error', () => new Error('x'.repeat(20 * 2 ** 20))],
    ['a cause', () => new Error('short', { cause: new Error('x'.repeat(20 * 2 ** 20)) })],
    ['many errors', () => new AggregateError(Array.from({ length: 10_000 }, (_, i) => new Error(`${i}`)))],
    [
      'a plain object',
      () => ({ text: 'x'.repeat(20 * 2 ** 20), list: Array.from({ length: 1_000_000 }, () => 'x') }),
    ],
    ['an object of very many properties', () => manyKeys(1e5)],
    ['an array', () => Array.from({ length: 1e5 }, () => ({ a: 1 }))],
    ['a text', () => 'x'.repeat(20 * 2 ** 20)],
    [
      'a name and a code',
      () => Object.assign(new Error(), { name: 'n'.repeat(9_000), code: 'c'.repeat(9_000) }),
    ],
  ])('is bounded: %s of many megabytes', (_, thrown) => {
    expect(errorText(thrown()).length).toBeLessThanOrEqual(1000);
    expect(errorReport(thrown(), 4000).length).toBeLessThanOrEqual(4000);
  });

  it('keeps the cause of an error with a long message', () => {
    const error = new Error('x'.repeat(100_000), { cause: new Error('the real reason') });
    expect(errorReport(error, 4000)).toContain('caused by Error: the real reason');
  });

  it('has the stack under the message that the error has now', () => {
    const error = new Error('first');
    error.message = 'then';
    expect(errorReport(error, 4000)).toMatch(/^Error: then\n {4}at .*error-text\.spec/);
  });

  it.each([[undefined], [{ frames: [] }], ['no frames']])('does without a stack that is %s', (stack) => {
    const error = Object.assign(new Error('odd'), { stack });
    expect(errorReport(error, 4000)).toBe('Error: odd');
  });
});
