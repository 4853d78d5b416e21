import { isDeepStrictEqual, types } from 'node:util';
import type { ArgumentsProblem } from './step-definition.js';
import { ARGS_ROOT, kindOf, memberIn, pathOf, placeIn, type Place } from './value-path.js';

const ANOTHER_VALUE = ' that comes back with another value';

/**
 * The first place where a restored value is not what it was before. Prototypes count, dates are compared by
 * their time, and a property that is `undefined` is as good as none. Private fields (`#x`) cannot be seen.
 */
export function findDifference(
  before: unknown,
  after: unknown,
  place: Place = ARGS_ROOT,
  seen = new Set<object>(),
): ArgumentsProblem | undefined {
  const problem = (reason: string, at = place): ArgumentsProblem => ({ path: pathOf(at), reason });
  if (before === after || Object.is(before, after)) {
    return typeof before === 'function' ? problem('is a function, which cannot be stored.') : undefined;
  }
  if (!isObject(before) || !isObject(after) || !isSameKind(before, after)) {
    const [kind, other] = [kindOf(before), kindOf(after)];
    const change = kind === other ? ANOTHER_VALUE : `, but comes back as ${other}`;
    return problem(`is ${kind}${change}.${hint(before, place)}`);
  }
  if (seen.has(after)) return undefined;
  seen.add(after);
  if (isOpaque(before)) {
    if (isDeepStrictEqual(before, after)) return undefined;
    return problem(`is ${kindOf(before)}${ANOTHER_VALUE}.${hint(before, place)}`);
  }
  const [symbol] = Object.getOwnPropertySymbols(before);
  if (symbol !== undefined)
    return problem('has a symbol as its key, which JSON drops.', placeIn(place, symbol));
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const found = findDifference(own(before, key), own(after, key), memberIn(place, before, key), seen);
    if (found) return found;
  }
  if (!Array.isArray(before) || !Array.isArray(after)) return undefined;
  return findDifference(before.length, after.length, placeIn(place, 'length'));
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

function hint(before: unknown, place: Place): string {
  if (place.parent === null) return '';
  if (types.isDate(before)) return ' Decorate the property with @Type(() => Date).';
  if (isObject(before) && !isOpaque(before) && !Array.isArray(before)) {
    return ' Decorate the property with @Type(() => TheClass).';
  }
  return '';
}
