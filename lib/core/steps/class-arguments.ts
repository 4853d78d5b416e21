import { instanceToPlain, plainToInstance } from 'class-transformer';
import type { ArgumentsClass, ArgumentsProblem } from './step-definition.js';
import { findDifference } from './value-difference.js';
import {
  ARGS_ROOT,
  MAX_DEPTH,
  isPlainArray,
  isPlainObject,
  kindOf,
  memberIn,
  pathOf,
  placeIn,
  type Place,
} from './value-path.js';

/** Arguments that cannot be made into, or restored to, an instance of their class. */
export class ArgumentsConversionError extends Error {
  constructor(
    readonly problem: ArgumentsProblem,
    options?: ErrorOptions,
  ) {
    super(problem.reason, options);
  }
}

/** Keys that class-transformer skips, because assigning them would change a prototype. */
const SKIPPED_KEYS: readonly string[] = ['__proto__', 'constructor'];
const DROPPED =
  'has a name that class-transformer drops, since it is also the name of a method. Rename the property.';
/** Without the text of what was thrown, which may quote an argument. */
const CANNOT_BE_CONVERTED =
  "cannot be converted: a constructor, a setter or a transformer threw. See the error's cause.";

/**
 * An instance of `argsClass`: the value itself, or one made of a plain object.
 *
 * @throws ArgumentsConversionError.
 */
export function toInstance(argsClass: ArgumentsClass, value: unknown): object {
  if (typeof value === 'object' && value !== null) {
    if (value instanceof argsClass) return value;
    if (isPlainObject(value)) {
      // Copied, because class-transformer deletes discriminator properties from what it reads.
      return attempt(() => fromPlain(argsClass, copyPlain(value)));
    }
  }
  throw conversionError(
    ARGS_ROOT,
    `must be an instance of ${argsClass.name} or a plain object, not ${kindOf(value)}.`,
  );
}

/**
 * The JSON text of an instance.
 *
 * @throws ArgumentsConversionError when the text would not restore the same instance.
 */
export function toJson(argsClass: ArgumentsClass, instance: object): string {
  const keys = collectKeys(instance);
  let plain: unknown;
  try {
    plain = attempt(() => instanceToPlain(instance));
  } finally {
    // class-transformer adds discriminator properties to the instance itself.
    removeAddedKeys(keys);
  }
  const { json, dropped } = stringify(plain);
  const difference = findDifference(instance, fromPlain(argsClass, JSON.parse(json)));
  if (difference !== undefined) throw new ArgumentsConversionError(difference);
  if (dropped) throw conversionError(ARGS_ROOT, 'holds a bigint where none can be restored.');
  return json;
}

/**
 * Restores an instance from parsed JSON. May change `plain`.
 *
 * @throws ArgumentsConversionError.
 */
export function fromPlain(argsClass: ArgumentsClass, plain: unknown): object {
  if (typeof plain !== 'object' || plain === null || Array.isArray(plain)) {
    throw conversionError(ARGS_ROOT, `must be an object, to become an instance of ${argsClass.name}.`);
  }
  return attempt(() => {
    const instance: object = plainToInstance(argsClass, plain);
    refuseDropped(plain, instance);
    return instance;
  });
}

/** An instance that shares nothing with another one. */
export function copyOf(argsClass: ArgumentsClass, instance: object): object {
  return fromPlain(argsClass, JSON.parse(toJson(argsClass, instance)));
}

/**
 * class-transformer leaves out, without a word, what an object inherits as a method: `toString` everywhere, `get` in a `Map`. Finds the first
 * such key of what was read that has not arrived.
 */
function refuseDropped(plain: unknown, made: unknown, place: Place = ARGS_ROOT): void {
  if (typeof plain !== 'object' || plain === null || typeof made !== 'object' || made === null) return;
  checkDepth(place);
  for (const key of Object.keys(plain)) {
    const at = memberIn(place, plain, key);
    if (isDropped(made, key)) throw conversionError(at, DROPPED);
    const member: unknown = made instanceof Map ? made.get(key) : (made as Record<string, unknown>)[key];
    refuseDropped((plain as Record<string, unknown>)[key], member, at);
  }
}

function isDropped(made: object, key: string): boolean {
  if (SKIPPED_KEYS.includes(key)) return !Object.hasOwn(made, key);
  if (made instanceof Map) return !made.has(key);
  return !Object.hasOwn(made, key) && typeof (made as Record<string, unknown>)[key] === 'function';
}

/** JSON without bigints: the comparison then finds where one was dropped. */
function stringify(plain: unknown): { json: string; dropped: boolean } {
  try {
    return { json: JSON.stringify(plain), dropped: false };
  } catch {
    const json = attempt(() =>
      JSON.stringify(plain, (_key, value: unknown) => (typeof value === 'bigint' ? undefined : value)),
    );
    return { json, dropped: true };
  }
}

/** Copies plain objects and arrays. Everything else is taken over as it is. */
function copyPlain(value: unknown, place: Place = ARGS_ROOT, copies = new Map<object, object>()): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (!isPlainArray(value) && !isPlainObject(value)) return value;
  const known = copies.get(value);
  if (known !== undefined) return known;
  checkDepth(place);
  const [symbol] = Object.getOwnPropertySymbols(value);
  if (symbol !== undefined)
    throw conversionError(placeIn(place, symbol), 'has a symbol as its key, which JSON drops.');
  const copy: Record<string, unknown> | unknown[] = Array.isArray(value) ? [] : {};
  copies.set(value, copy);
  for (const key of Object.keys(value)) {
    const at = memberIn(place, value, key);
    // Before it changes the prototype of the copy.
    if (SKIPPED_KEYS.includes(key)) throw conversionError(at, DROPPED);
    (copy as Record<string, unknown>)[key] = copyPlain((value as Record<string, unknown>)[key], at, copies);
  }
  return copy;
}

/** Collects the own keys of every object that can be reached. */
function collectKeys(value: unknown, place = ARGS_ROOT, keys = new Map<object, ReadonlySet<string>>()) {
  if (typeof value !== 'object' || value === null || keys.has(value) || ArrayBuffer.isView(value))
    return keys;
  checkDepth(place);
  const own = Object.keys(value);
  keys.set(value, new Set(own));
  for (const key of own)
    collectKeys((value as Record<string, unknown>)[key], memberIn(place, value, key), keys);
  if (value instanceof Map || value instanceof Set) {
    value.forEach((member: unknown, key: unknown) =>
      collectKeys(member, placeIn(place, value instanceof Map ? String(key) : 'values()'), keys),
    );
  }
  return keys;
}

function checkDepth(place: Place): void {
  if (place.depth >= MAX_DEPTH) throw conversionError(place, `is nested deeper than ${MAX_DEPTH} levels.`);
}

function removeAddedKeys(before: Map<object, ReadonlySet<string>>): void {
  for (const [value, keys] of before) {
    for (const key of Object.keys(value)) {
      if (!keys.has(key)) Reflect.deleteProperty(value, key);
    }
  }
}

function attempt<T>(convert: () => T): T {
  try {
    return convert();
  } catch (error) {
    if (error instanceof ArgumentsConversionError) throw error;
    const reason =
      error instanceof RangeError
        ? 'refers back to an object that contains it, or is nested too deeply.'
        : CANNOT_BE_CONVERTED;
    throw new ArgumentsConversionError({ path: pathOf(ARGS_ROOT), reason }, { cause: error });
  }
}

function conversionError(place: Place, reason: string): ArgumentsConversionError {
  return new ArgumentsConversionError({ path: pathOf(place), reason });
}
