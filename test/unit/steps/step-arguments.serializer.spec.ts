import 'reflect-metadata';
import { inspect } from 'node:util';
import { Exclude, Expose, Transform, Type } from 'class-transformer';
import { IsInt, IsString, Min, ValidateNested, registerDecorator } from 'class-validator';
import { beforeAll, describe, expect, it } from 'vitest';
import { ArgumentsValidator } from '../../../lib/core/steps/arguments-validator.js';
import { StepArgumentsSerializer } from '../../../lib/core/steps/step-arguments.serializer.js';
import type { ArgumentsClass } from '../../../lib/core/steps/step-definition.js';
import { InvalidStepArgumentsError } from '../../../lib/errors/index.js';

let serializer: StepArgumentsSerializer;

beforeAll(async () => {
  serializer = new StepArgumentsSerializer(await ArgumentsValidator.load());
});

function serialize(value: unknown, argsClass?: ArgumentsClass): unknown {
  const json = serializer.serialize('pay', { argsClass }, value);
  return json === undefined ? undefined : JSON.parse(json);
}

async function roundTrip(value: unknown, argsClass?: ArgumentsClass): Promise<unknown> {
  return serializer.restore('pay', { argsClass }, serialize(value, argsClass));
}

function refusal(value: unknown, argsClass?: ArgumentsClass): InvalidStepArgumentsError {
  try {
    serialize(value, argsClass);
  } catch (error) {
    if (error instanceof InvalidStepArgumentsError) return error;
    throw error;
  }
  throw new Error('It was not refused.');
}

class Line {
  sku!: string;
  @Type(() => Date) shippedAt?: Date;
  label(): string {
    return `line ${this.sku}`;
  }
}

class Order {
  id!: string;
  @Type(() => Date) placedAt!: Date;
  @Type(() => Line) lines!: Line[];
  note?: string;
  untyped?: unknown;
  count(): number {
    return this.lines.length;
  }
}

function order(values: Partial<Order> = {}): Order {
  const line = Object.assign(new Line(), { sku: 'a', shippedAt: new Date(5) });
  return Object.assign(new Order(), { id: '1', placedAt: new Date(1000), lines: [line], ...values });
}

describe('arguments without a class', () => {
  it('are plain JSON', async () => {
    const args = { id: 'a\u0000', lines: [{ qty: 2 }], none: null };
    expect(await roundTrip(args)).toEqual(args);
    expect(await roundTrip(null)).toBeNull();
    expect(await roundTrip('text')).toBe('text');
    expect(await roundTrip([1, 2])).toEqual([1, 2]);
  });

  it('may be none', async () => {
    expect(serializer.serialize('pay', undefined, undefined)).toBeUndefined();
    expect(await serializer.restore('pay', undefined, undefined)).toBeUndefined();
    expect(serializer.serialize('pay', { argsClass: Order }, undefined)).toBeUndefined();
  });

  it('are refused with the step and the path when JSON would change them', () => {
    const error = refusal({ lines: [{ at: new Date() }] });
    expect(error).toMatchObject({ stepName: 'pay', path: 'args.lines[0].at' });
    expect(error.message).toContain("'pay' at args.lines[0].at: is a Date");
    expect(() => serializer.serialize('remote', undefined, { a: 1n })).toThrow(/'remote' at args\.a/);
  });

  it('keep a key __proto__ as data', async () => {
    const restored = (await roundTrip(JSON.parse('{"__proto__":{"admin":true}}'))) as object;
    expect(Object.keys(restored)).toEqual(['__proto__']);
    expect('admin' in restored).toBe(false);
  });
});

describe('arguments of a class', () => {
  it('come back as instances, with dates and nested classes', async () => {
    const restored = (await roundTrip(order(), Order)) as Order;
    expect(restored).toBeInstanceOf(Order);
    expect(restored.placedAt).toEqual(new Date(1000));
    expect(restored.lines[0]).toBeInstanceOf(Line);
    expect(restored.lines[0]!.shippedAt).toEqual(new Date(5));
    expect([restored.count(), restored.lines[0]!.label()]).toEqual([1, 'line a']);
  });

  it('may be passed as a plain object', async () => {
    const plain = { id: '1', placedAt: new Date(1000), lines: [{ sku: 'a', shippedAt: new Date(5) }] };
    expect(await roundTrip(plain, Order)).toEqual(order());
    expect(plain.lines[0]).not.toBeInstanceOf(Line);
  });

  it('may leave properties undefined', async () => {
    expect(await roundTrip(order({ note: undefined }), Order)).toEqual(order());
  });

  class Money {
    constructor(readonly cents = 0) {}
  }
  class Rush extends Order {}

  it.each<[string, unknown, string, RegExp]>([
    [
      'a date nobody restores',
      order({ untyped: new Date(0) }),
      'args.untyped',
      /instance of Date.*a string.*@Type/,
    ],
    [
      'a nested class nobody restores',
      order({ untyped: new Money() }),
      'args.untyped',
      /instance of Money.*plain/,
    ],
    ['a deep one', order({ untyped: [{ m: new Money() }] }), 'args.untyped[0].m', /instance of Money/],
    ['a function', order({ untyped: () => 1 }), 'args.untyped', /function/],
    ['a bigint', order({ untyped: { n: 1n } }), 'args.untyped.n', /bigint/],
    ['NaN', order({ untyped: Number.NaN }), 'args.untyped', /NaN, but comes back as null/],
    ['a Map nobody restores', order({ untyped: new Map([['a', 1]]) }), 'args.untyped', /instance of Map/],
    ['an invalid date', order({ placedAt: new Date(Number.NaN) }), 'args.placedAt', /instance of Date.*null/],
    ['undefined in an array', order({ untyped: [undefined] }), 'args.untyped[0]', /undefined.*null/],
    ['a symbol as key', order({ untyped: { [Symbol('s')]: 1 } }), 'args.untyped[Symbol(s)]', /symbol/],
    [
      'an instance of a subclass',
      Object.assign(new Rush(), order()),
      'args',
      /instance of Rush.*instance of Order/,
    ],
    ['an instance of another class', new Money(), 'args', /must be an instance of Order.*Money/],
    ['an array', [order()], 'args', /must be an instance of Order/],
    ['text', 'order', 'args', /must be an instance of Order/],
    ['null', null, 'args', /must be an instance of Order.*null/],
    ['a function in a plain object', { id: () => 1 }, 'args.id', /function/],
    ['a symbol as key of a plain object', { [Symbol('s')]: 1 }, 'args[Symbol(s)]', /symbol/],
    [
      'a key that is dropped',
      { id: 'a', untyped: { constructor: 'VW' } },
      'args.untyped.constructor',
      /Rename/,
    ],
    ['a key __proto__', JSON.parse('{"untyped":[{"__proto__":1}]}'), 'args.untyped[0].__proto__', /Rename/],
  ])('are refused when they hold %s', (_what, value, path, reason) => {
    const error = refusal(value, Order);
    expect(error.path).toBe(path);
    expect(error.reason).toMatch(reason);
  });

  it('are refused when they refer back to themselves, or are nested too deeply', () => {
    const cyclic = order();
    cyclic.untyped = { back: cyclic };
    expect(refusal(cyclic, Order).reason).toMatch(/refers back/);
    const plain: Record<string, unknown> = { id: '1' };
    plain.untyped = { back: plain };
    expect(refusal(plain, Order).reason).toMatch(/refers back/);
    let deep: unknown = 'leaf';
    for (let level = 0; level < 100_000; level++) deep = [deep];
    expect(refusal(order({ untyped: deep }), Order).reason).toMatch(/nested deeper than 200/);
    expect(refusal({ untyped: deep }, Order).reason).toMatch(/nested deeper than 200/);
  });

  it('are not changed by being serialized, even with discriminators', async () => {
    abstract class Payment {}
    class Card extends Payment {
      number = '';
    }
    class Checkout {
      @Type(() => Payment as never, {
        discriminator: { property: 'kind', subTypes: [{ name: 'card', value: Card }] },
      })
      payment!: Payment;
      @Type(() => Payment as never, {
        discriminator: { property: 'kind', subTypes: [{ name: 'card', value: Card }] },
      })
      refunds!: Payment[];
    }
    const card = Object.assign(new Card(), { number: '4' });
    const instance = Object.assign(new Checkout(), { payment: card, refunds: [card] });
    const stored = serialize(instance, Checkout);
    expect(stored).toEqual({
      payment: { kind: 'card', number: '4' },
      refunds: [{ kind: 'card', number: '4' }],
    });
    expect(Object.keys(card)).toEqual(['number']);

    const restored = (await serializer.restore('pay', { argsClass: Checkout }, stored)) as Checkout;
    expect(restored.payment).toBeInstanceOf(Card);
    expect(restored.refunds[0]).toBeInstanceOf(Card);

    const plain = { payment: { kind: 'card', number: '4' }, refunds: [] };
    expect(serialize(plain, Checkout)).toEqual(plain);
    expect(plain.payment.kind).toBe('card');
  });

  it('may restore what JSON has not with @Transform', async () => {
    class Amount {
      @Transform(({ value }) => String(value), { toPlainOnly: true })
      @Transform(({ value }) => BigInt(value as string), { toClassOnly: true })
      cents = 0n;
      @Expose({ name: 'cur' }) currency = '';
    }
    const amount = Object.assign(new Amount(), { cents: 10n ** 20n, currency: 'CHF' });
    expect(serialize(amount, Amount)).toEqual({ cents: '100000000000000000000', cur: 'CHF' });
    expect(await roundTrip(amount, Amount)).toEqual(amount);
  });

  class Tagged {
    @Type(() => Number)
    tags!: Map<string, number>;
  }

  it('refuses keys of a map that are names of its methods', () => {
    expect(serialize({ tags: { a: 1 } }, Tagged)).toEqual({ tags: { a: 1 } });
    for (const key of ['get', 'size', 'toString', 'constructor']) {
      expect(refusal({ tags: { [key]: 1 } }, Tagged).path).toBe(`args.tags.${key}`);
      const stored = () => serializer.restore('pay', { argsClass: Tagged }, { tags: { [key]: 1 } });
      expect(stored).toThrow(InvalidStepArgumentsError);
    }
  });

  it('compares what its properties do not show: maps, sets and patterns', async () => {
    class Filter {
      @Type(() => Number) limits?: Map<string, number>;
      @Transform(({ value }) => new Set(value as string[]), { toClassOnly: true })
      @Transform(({ value }) => [...(value as Set<string>)], { toPlainOnly: true })
      tags = new Set<string>();
      @Type(() => RegExp) pattern?: RegExp;
    }
    const filter = Object.assign(new Filter(), { limits: new Map([['a', 1]]), tags: new Set(['x', 'y']) });
    expect(await roundTrip(filter, Filter)).toEqual(filter);
    const error = refusal(Object.assign(new Filter(), { pattern: /x/ }), Filter);
    expect(error).toMatchObject({ path: 'args.pattern', reason: expect.stringContaining('another value') });
  });

  it('are refused when @Exclude() would lose what they hold', () => {
    class Login {
      user = '';
      @Exclude() password?: string;
    }
    expect(refusal(Object.assign(new Login(), { password: 'x' }), Login).path).toBe('args.password');
    expect(serialize(Object.assign(new Login(), { user: 'u' }), Login)).toEqual({ user: 'u' });
  });

  it('are refused when their class cannot be made without arguments', () => {
    class Needy {
      readonly id: string;
      constructor(source: { id: string }) {
        this.id = source.id;
      }
    }
    const error = refusal(new Needy({ id: '1' }), Needy);
    expect(error.reason).toMatch(/cannot be converted/);
    expect(error.cause).toBeInstanceOf(TypeError);
  });

  it.each(['S3cret', 4111111, 41111n, true, Symbol('S3cret'), function S3cret() {}])(
    'are refused by what they are, not by their value: %s',
    (value) => {
      const error = refusal(value, Order);
      expect(error.reason).toBe(`must be an instance of Order or a plain object, not a ${typeof value}.`);
      expect(inspect(error)).not.toMatch(/S3cret|41111/);
    },
  );

  it('are refused without the value that does not come back', () => {
    class Account {
      @Transform(({ value }) => Number(value) + 1, { toClassOnly: true }) number = 4111111;
      @Transform(({ value }) => `${value}!`, { toClassOnly: true }) owner = 'S3cret';
    }
    expect(refusal(Object.assign(new Account(), { owner: undefined }), Account)).toMatchObject({
      path: 'args.number',
      reason: 'is a number that comes back with another value.',
    });
    expect(refusal(Object.assign(new Account(), { number: undefined }), Account).message).not.toMatch(
      /S3cret/,
    );
  });

  it('are refused without the text of an error of the application, which is the cause', async () => {
    class Settings {
      @Transform(({ value }) => JSON.parse(value as string), { toClassOnly: true }) json?: unknown;
    }
    const error = refusal({ json: 'S3cret' }, Settings);
    expect(error.reason).toMatch(/cannot be converted: a constructor, a setter or a transformer threw/);
    expect(`${error.message} ${error.stack}`).not.toContain('S3cret');
    expect(error.cause).toBeInstanceOf(SyntaxError);
    const restored = (async () => serializer.restore('pay', { argsClass: Settings }, { json: 'S3cret' }))();
    await expect(restored).rejects.toThrow(/^[^]*transformer threw(?![^]*S3cret)/);
  });

  it.each([
    '{"__proto__":{"admin":true},"id":"1"}',
    '{"constructor":{"prototype":{"admin":true}},"id":"1"}',
    '{"untyped":{"__proto__":{"admin":true}},"id":"1"}',
    '{"lines":[{"__proto__":{"admin":true}}],"id":"1"}',
    '{"untyped":{"constructor":{"prototype":{"admin":true}}},"id":"1"}',
    '{"placedAt":{"__proto__":{"admin":true}},"id":"1"}',
  ])('never change a prototype, whatever is stored: %s', async (json) => {
    let restored: unknown;
    try {
      restored = await serializer.restore('pay', { argsClass: Order }, JSON.parse(json));
    } catch (error) {
      expect(error).toBeInstanceOf(InvalidStepArgumentsError);
    }
    for (const value of [{}, new Order(), new Line(), new Date(), restored ?? {}]) {
      expect((value as { admin?: unknown }).admin).toBeUndefined();
    }
    if (restored !== undefined) expect(restored).toBeInstanceOf(Order);
  });

  it.each(['null', '5', '[{}]', '"x"'])('are refused when %s is stored', async (json) => {
    const restoring = (async () => serializer.restore('pay', { argsClass: Order }, JSON.parse(json)))();
    await expect(restoring).rejects.toThrow(InvalidStepArgumentsError);
  });
});

describe('validation', () => {
  class Item {
    @IsString() sku!: string;
    @IsInt() @Min(1) qty!: number;
  }
  class Cart {
    @IsString() id!: string;
    @ValidateNested({ each: true }) @Type(() => Item) items!: Item[];
  }

  it('refuses wrong arguments when the step is added, with every path', () => {
    const error = refusal(
      {
        id: 5,
        items: [
          { sku: 'a', qty: 1 },
          { sku: 'b', qty: 0 },
        ],
      },
      Cart,
    );
    expect(error.path).toBe('args.id');
    expect(error.reason).toBe('id must be a string; args.items[1].qty: qty must not be less than 1.');
    expect(serialize({ id: 'a', items: [{ sku: 'a', qty: 1 }] }, Cart)).toBeDefined();
  });

  it('refuses stored arguments that do not fit any more', async () => {
    const restoring = serializer.restore('pay', { argsClass: Cart }, { id: 'a', items: [{ sku: 'a' }] });
    await expect(restoring).rejects.toMatchObject({
      name: 'InvalidStepArgumentsError',
      path: 'args.items[0].qty',
    });
  });

  it('leaves classes without decorators alone', () => {
    expect(serialize(order(), Order)).toBeDefined();
  });

  let answer: () => Promise<boolean>;
  class Customer {
    id = '';
  }
  registerDecorator({
    name: 'exists',
    async: true,
    target: Customer,
    propertyName: 'id',
    options: { message: 'no such customer' },
    validator: { validate: () => answer() },
  });

  class Order2 {
    @ValidateNested()
    @Type(() => Customer)
    customers!: Customer[];
  }

  it.each<[string, ArgumentsClass, object]>([
    ['of the class', Customer, { id: 'c1' }],
    ['of an object inside', Order2, { customers: [{ id: 'c1' }] }],
  ])('leaves asynchronous validators to those who wait: %s', async (_, argsClass, value) => {
    answer = () => Promise.resolve(false);
    const later = { checks: undefined as Promise<unknown>[] | undefined };
    serializer.serialize('pay', { argsClass }, value, later);
    await expect(Promise.all(later.checks!)).rejects.toThrow(/id: no such customer/);
    const none = { checks: undefined as Promise<unknown>[] | undefined };
    serializer.serialize('pay', { argsClass: Order }, order(), none);
    expect(none.checks).toBeUndefined();
  });

  it('asks asynchronous validators before the run', async () => {
    answer = () => Promise.resolve(false);
    expect(serialize({ id: 'c1' }, Customer)).toEqual({ id: 'c1' });
    await expect(roundTrip({ id: 'c1' }, Customer)).rejects.toThrow('args.id: no such customer');
  });

  it('lets the error of a validator through, since the arguments may be good', async () => {
    answer = () => Promise.reject(new Error('connection refused'));
    await expect(roundTrip({ id: 'c1' }, Customer)).rejects.toThrow(/^connection refused$/);
  });

  function missing(code: string, message: string): () => Promise<never> {
    return () => Promise.reject(Object.assign(new Error(message), { code }));
  }

  it.each([
    ['ERR_MODULE_NOT_FOUND', "Cannot find package 'class-validator' imported from /app/node_modules/x.js"],
    ['MODULE_NOT_FOUND', "Cannot find module 'class-validator'\nRequire stack:\n- /app/main.js"],
  ])('is left out where class-validator is not installed (%s)', async (code, message) => {
    const without = new StepArgumentsSerializer(await ArgumentsValidator.load(missing(code, message)));
    expect(without.serialize('pay', { argsClass: Cart }, { id: 5, items: [] })).toBe('{"id":5,"items":[]}');
    expect(await without.restore('pay', { argsClass: Cart }, { id: 5, items: [] })).toBeInstanceOf(Cart);
  });

  it.each([
    [
      'ERR_MODULE_NOT_FOUND',
      "Cannot find package 'validator' imported from /app/node_modules/class-validator/i.js",
    ],
    ['ERR_DLOPEN_FAILED', "'class-validator' is broken"],
  ])('does not hide that class-validator is broken (%s)', async (code, message) => {
    await expect(ArgumentsValidator.load(missing(code, message))).rejects.toThrow(message);
  });
});
