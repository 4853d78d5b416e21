import { isDeepStrictEqual, types } from 'node:util';
import type { ArgumentsProblem } from './step-definition.js';
import { ARGS_ROOT, classNameOf, pathOf, placeIn, type Place } from './value-path.js';

interface Pair {
  readonly expected: unknown;
  readonly actual: unknown;
  readonly place: Place;
}

/**
 * The first place where a restored value is not what it was before. Prototypes count, dates are compared by
 * their time, and a property that is `undefined` is as good as none. Private fields (`#x`) cannot be seen.
 */
export function findDifference(expected: unknown, actual: unknown): ArgumentsProblem | undefined {
  const pairs: Pair[] = [{ expected, actual, place: ARGS_ROOT }];
  const seen = new Set<object>();
  for (let pair = pairs.pop(); pair !== undefined; pair = pairs.pop()) {
    const { expected: before, actual: after, place } = pair;
    if (before === after || Object.is(before, after)) {
      if (typeof before !== 'function') continue;
      return { path: pathOf(place), reason: 'is a function, which cannot be stored.' };
    }
    if (!isObject(before) || !isObject(after) || !isSameKind(before, after)) {
      return {
        path: pathOf(place),
        reason: `is ${describe(before)}, but comes back as ${describe(after)}.${hint(before, place)}`,
      };
    }
    if (seen.has(after)) continue;
    seen.add(after);
    if (isOpaque(before)) {
      if (isDeepStrictEqual(before, after)) continue;
      return {
        path: pathOf(place),
        reason: `is ${describe(before)} that comes back with another value.${hint(before, place)}`,
      };
    }
    const symbol = Object.getOwnPropertySymbols(before)[0];
    if (symbol !== undefined) {
      return { path: pathOf(placeIn(place, symbol)), reason: 'has a symbol as its key, which JSON drops.' };
    }
    pushMembers(pairs, before, after, place);
  }
  return undefined;
}

function pushMembers(pairs: Pair[], before: object, after: object, place: Place): void {
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  if (Array.isArray(before) && Array.isArray(after) && before.length !== after.length) {
    pairs.push({ expected: before.length, actual: after.length, place: placeIn(place, 'length') });
  }
  for (const key of [...keys].reverse()) {
    pairs.push({
      expected: own(before, key),
      actual: own(after, key),
      place: placeIn(place, Array.isArray(before) ? Number(key) : key),
    });
  }
}

function own(value: object, key: string): unknown {
  return Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function isSameKind(before: object, after: object): boolean {
  // Arrays of another realm are arrays.
  if (Array.isArray(before) && Array.isArray(after)) return true;
  return Object.getPrototypeOf(before) === Object.getPrototypeOf(after);
}

/** Objects whose value is not in their own properties. */
function isOpaque(value: object): boolean {
  return (
    types.isDate(value) ||
    types.isMap(value) ||
    types.isSet(value) ||
    types.isRegExp(value) ||
    types.isNativeError(value) ||
    types.isBoxedPrimitive(value) ||
    types.isAnyArrayBuffer(value) ||
    types.isPromise(value) ||
    types.isWeakMap(value) ||
    types.isWeakSet(value) ||
    ArrayBuffer.isView(value)
  );
}

function describe(value: unknown): string {
  if (value === undefined) return 'undefined';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object') {
    const name = classNameOf(value);
    return name === 'Object' ? 'a plain object' : `an instance of ${name}`;
  }
  return typeof value === 'number' ? String(value) : `a ${typeof value}`;
}

function hint(before: unknown, place: Place): string {
  if (place.parent === null) return '';
  if (types.isDate(before)) return ' Decorate the property with @Type(() => Date).';
  if (isObject(before) && !isOpaque(before) && !Array.isArray(before)) {
    return ' Decorate the property with @Type(() => TheClass).';
  }
  return '';
}
