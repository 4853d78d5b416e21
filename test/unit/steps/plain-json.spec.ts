import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { assertPlainJson, MAX_DEPTH } from '../../../lib/core/steps/value-path.js';

class Refused extends Error {}

function check(value: unknown): string {
  return assertPlainJson(value, (path, reason) => {
    throw new Refused(`${path} ${reason}`);
  });
}

function nested(depth: number): unknown {
  let value: unknown = 'leaf';
  for (let level = 0; level < depth; level++) value = { a: value };
  return value;
}

describe('assertPlainJson', () => {
  it.each<[string, unknown]>([
    ['texts', 'a\u0000b\ud800"\\'],
    ['numbers', [0, -1.5, 1e300, Number.MAX_SAFE_INTEGER]],
    ['null and flags', { a: null, b: true, c: false }],
    [
      'nesting',
      {
        lines: [
          { sku: 'a', qty: 2 },
          { sku: 'b', tags: [] },
        ],
        meta: {},
      },
    ],
    ['odd keys', { '': 1, 'a b': 2, '1': 3, constructor: 4, toJSON: 5, then: 6, hasOwnProperty: 7 }],
    ['objects without a prototype', Object.assign(Object.create(null), { a: 1 })],
    ['objects of another realm', runInNewContext('({ a: [1, { b: 2 }] })')],
    ['depth up to the limit', nested(MAX_DEPTH)],
  ])('gives back %s', (_what, value) => {
    const restored: unknown = JSON.parse(check(value));
    expect(JSON.stringify(restored)).toBe(JSON.stringify(value));
  });

  it('gives back a key __proto__ as data', () => {
    const value: unknown = JSON.parse('{"__proto__":{"admin":true}}');
    const restored = JSON.parse(check(value)) as object;
    expect(Object.keys(restored)).toEqual(['__proto__']);
    expect(Object.getPrototypeOf(restored)).toBe(Object.prototype);
    expect(({} as { admin?: unknown }).admin).toBeUndefined();
  });

  it('drops properties that are undefined', () => {
    expect(check({ a: undefined, b: 1 })).toBe('{"b":1}');
  });

  it('allows one object at two places', () => {
    const address = { city: 'Bern' };
    expect(check({ from: address, to: address, all: [address, address] })).toContain('"to":{"city":"Bern"}');
  });

  class Money {
    constructor(readonly cents: number) {}
  }
  class Lines extends Array<number> {}

  it.each<[unknown, string, RegExp]>([
    [{ a: { b: () => 1 } }, 'args.a.b', /function/],
    [{ lines: [{}, {}, { price: 1n }] }, 'args.lines[2].price', /bigint/],
    [{ a: Symbol('s') }, 'args.a', /symbol/],
    [{ a: { [Symbol('s')]: 1 } }, 'args.a', /symbol as a key/],
    [{ 'a-b': Number.NaN }, 'args["a-b"]', /NaN/],
    [[Number.POSITIVE_INFINITY], 'args[0]', /Infinity/],
    [{ at: new Date(0) }, 'args.at', /Date.*@Type/],
    [{ m: new Map() }, 'args.m', /instance of Map/],
    [{ s: new Set() }, 'args.s', /instance of Set/],
    [{ r: /x/ }, 'args.r', /instance of RegExp/],
    [{ b: new Uint8Array(2) }, 'args.b', /instance of Uint8Array/],
    [{ b: Buffer.from('x') }, 'args.b', /instance of Buffer/],
    [{ n: new Number(5) }, 'args.n', /instance of Number/],
    [{ p: Promise.resolve() }, 'args.p', /instance of Promise/],
    [{ e: new Error('x') }, 'args.e', /instance of Error/],
    [{ u: new URL('http://a') }, 'args.u', /instance of URL/],
    [{ price: new Money(5) }, 'args.price', /instance of Money/],
    [Object.create({ inherited: 1 }), 'args', /instance of/],
    [{ l: Lines.of(1) }, 'args.l', /instance of Lines/],
    [[1, undefined], 'args[1]', /undefined/],
    // oxlint-disable-next-line no-sparse-arrays -- the point of the test
    [[1, , 3], 'args', /holes/],
    // oxlint-disable-next-line no-new-array -- as many holes as an array can have
    [new Array(1e9), 'args', /holes/],
    ['ab'.match(/a/), 'args', /further properties/],
    [{ toJSON: () => 1 }, 'args', /toJSON/],
    [undefined, 'args', /undefined/],
    [() => 1, 'args', /function/],
    [runInNewContext('({ at: new Date(0) })'), 'args.at', /instance of Date/],
    [nested(MAX_DEPTH + 1), `args${'.a'.repeat(MAX_DEPTH)}`, /200 levels/],
  ])('refuses what would come back different (case %#)', (value, path, reason) => {
    expect(() => check(value)).toThrow(Refused);
    expect(() => check(value)).toThrow(reason);
    let message = '';
    try {
      check(value);
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message.startsWith(`${path} `)).toBe(true);
  });

  it('refuses cycles, through objects and arrays', () => {
    const order: { lines: unknown[]; self?: unknown } = { lines: [] };
    order.lines.push({ order });
    expect(() => check(order)).toThrow('args.lines[0].order refers back');
    const list: unknown[] = [];
    list.push(list);
    expect(() => check(list)).toThrow('args[0] refers back');
  });

  it('reports depth instead of overflowing the stack', () => {
    expect(() => check(nested(1_000_000))).toThrow(Refused);
  });

  it('says where the first of several problems is', () => {
    expect(() => check({ a: [1, { b: 1n }], c: 2n })).toThrow('args.a[1].b is a bigint');
  });
});
