import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  encodedArgs,
  encodedError,
  encodedIn,
  encodedInError,
  isEncoded,
  isEncodedError,
  isMarked,
  plainArgs,
  plainError,
  plainIn,
  plainInError,
} from '../../../lib/core/payloads/stored-forms.js';

/** Arguments that look like what the library writes. */
const LOOKALIKES: unknown[] = [
  { 'stepping:encoded': 'k1:abc' },
  { 'stepping:encoded': { text: 'k1:abc', tenant: 'acme' } },
  { 'stepping:encoded': 5 },
  { 'stepping:plain': { 'stepping:encoded': 'k1:abc' } },
  { 'stepping:plain': null },
  { 'stepping:encoded': 'x', other: 1 },
  { other: 1, 'stepping:encoded': 'x' },
  { 'stepping:': 1 },
  'stepping:encoded:"x"',
  ['stepping:encoded'],
];

const marks = fc.constantFrom('stepping:encoded', 'stepping:plain', 'stepping:', 'a');
const { lookalike } = fc.letrec((tie) => ({
  lookalike: fc.oneof(
    { depthSize: 'small' },
    fc.jsonValue(),
    fc.dictionary(marks, tie('lookalike'), { maxKeys: 2 }),
  ),
}));

describe('stored arguments', () => {
  const stored = (value: unknown): unknown => JSON.parse(plainArgs(JSON.stringify(value)));

  it.each(LOOKALIKES.map((value) => [JSON.stringify(value), value]))(
    'are read as written: %s',
    (_, value) => {
      expect(isEncoded(stored(value))).toBe(false);
      expect(plainIn(stored(value))).toEqual(value);
    },
  );

  it('are read as written, whatever they look like', () => {
    fc.assert(
      fc.property(lookalike, (value) => {
        const json = JSON.stringify(value);
        const parsed: unknown = JSON.parse(plainArgs(json));
        expect(isEncoded(parsed)).toBe(false);
        expect(JSON.stringify(plainIn(parsed))).toBe(json);
      }),
    );
  });

  it('cost nothing where they look like nothing', () => {
    const json = '{"orderId":1}';
    expect(plainArgs(json)).toBe(json);
    expect(isMarked(JSON.parse(json))).toBe(false);
  });

  it('are known when they are encoded, whatever a codec makes of them', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.option(fc.string(), { nil: undefined }),
        (text, tenant) => {
          const encoded = tenant === undefined ? { text } : { text, tenant };
          const value: unknown = JSON.parse(encodedArgs(encoded));
          expect(isEncoded(value)).toBe(true);
          expect(encodedIn(value)).toEqual(encoded);
        },
      ),
    );
  });

  it.each([5, null, [], { text: 'x' }, { text: 1, tenant: 'a' }])(
    'are damaged with %j as their text',
    (text) => {
      const value = { 'stepping:encoded': text };
      expect(isEncoded(value)).toBe(true);
      expect(encodedIn(value)).toBeUndefined();
    },
  );
});

describe('stored texts of errors', () => {
  it('are read as written, whatever they look like', () => {
    const start = fc.constantFrom(
      '',
      'stepping:',
      'stepping:encoded:',
      'stepping:plain:',
      'stepping:encoded:"x"',
    );
    fc.assert(
      fc.property(start, fc.string(), (mark, rest) => {
        const text = mark + rest;
        expect(isEncodedError(plainError(text))).toBe(false);
        expect(plainInError(plainError(text))).toBe(text);
      }),
    );
  });

  it('are ASCII when they are encoded', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const stored = encodedError({ text });
        expect(stored).toMatch(/^[\x20-\x7e]*$/);
        expect(isEncodedError(stored)).toBe(true);
        expect(encodedInError(stored)).toEqual({ text });
      }),
    );
  });

  it('that are damaged are told', () => {
    expect(encodedInError('stepping:encoded:"k1:ab')).toBeUndefined();
    expect(encodedInError('stepping:encoded:5')).toBeUndefined();
  });
});
