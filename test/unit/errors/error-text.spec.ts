import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { errorReport, errorText } from '../../../lib/errors/error-text.js';

const trap = () => {
  throw new Error('a trap');
};
const messageThrows = () => Object.defineProperty(new Error('x'), 'message', { get: trap });

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
    ['undefined', undefined, /^undefined$/],
    ['a symbol', Symbol('s'), /Symbol\(s\)/],
    ['a function', () => 1, /^a function$/],
    ['an object whose toString throws', { toString: trap }, /./],
    ['an object that inspects itself', { [Symbol.for('nodejs.util.inspect.custom')]: trap }, /./],
    ['a getter that throws', messageThrows(), /^Error: its message cannot be read$/],
    ['a proxy that throws', new Proxy({}, { get: trap, getPrototypeOf: trap, ownKeys: trap }), /./],
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
