/** A place in a value: a key, under another place. A linked list: a path costs nothing until it is written out. */
export interface Place {
  readonly parent: Place | null;
  /** The name of the root, a property, or the index of an element. */
  readonly key: string | number | symbol;
  readonly depth: number;
}

/** The place of the arguments themselves. */
export const ARGS_ROOT: Place = { parent: null, key: 'args', depth: 0 };

/**
 * How deeply arguments may be nested. Data is rarely deeper than ten levels. What is much deeper is a cycle or a
 * mistake, and would overflow the stack of whatever walks it: ours, class-transformer's or another process's.
 */
export const MAX_DEPTH = 200;

/** Of a key in a path. */
const MAX_KEY_LENGTH = 80;

const IDENTIFIER = /^[A-Za-z_$][\w$]*$/;

export function placeIn(parent: Place, key: string | number | symbol): Place {
  return { parent, key, depth: parent.depth + 1 };
}

/** The place of what an object or array holds under one of its keys. */
export function memberIn(parent: Place, container: object, key: string): Place {
  return placeIn(parent, Array.isArray(container) ? Number(key) : key);
}

/** `args.lines[2].price`. */
export function pathOf(place: Place): string {
  const parts: string[] = [];
  for (let at: Place | null = place; at !== null; at = at.parent) {
    parts.push(at.parent === null ? String(at.key) : memberOf(at.key));
  }
  return parts.reverse().join('');
}

function memberOf(key: string | number | symbol): string {
  if (typeof key === 'number') return `[${key}]`;
  const text = String(key);
  const name = text.length > MAX_KEY_LENGTH ? `${text.slice(0, MAX_KEY_LENGTH)}…` : text;
  if (typeof key === 'symbol') return `[${name}]`;
  return IDENTIFIER.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`;
}

/** Whether an object is an object literal, or has no prototype; objects of other realms included. */
export function isPlainObject(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === null || prototype === Object.prototype) return true;
  // Tests run in realms of their own, and structuredClone() gives objects of the outer one.
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype as object, 'isPrototypeOf');
}

/** Whether an array is one and of no subclass; arrays of other realms included. */
export function isPlainArray(value: object): value is unknown[] {
  // Array.prototype is itself an array; the prototype of a subclass is not.
  return Array.isArray(value) && Array.isArray(Object.getPrototypeOf(value));
}

/** What a value is, for messages, which never hold the value itself. */
export function kindOf(value: unknown): string {
  if (value === undefined) return 'undefined';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object') {
    const name = classNameOf(value);
    return name === 'Object' ? 'a plain object' : `an instance of ${name}`;
  }
  // NaN and the like tell nothing else, and why they do not come back.
  if (typeof value === 'number') return Number.isFinite(value) ? 'a number' : String(value);
  return `a ${typeof value}`;
}

/** The name of an object's class, for messages. */
export function classNameOf(value: object): string {
  const prototype = Object.getPrototypeOf(value) as { constructor?: { name?: unknown } } | null;
  const name = prototype?.constructor?.name;
  return typeof name === 'string' && name !== '' ? name : 'an unnamed class';
}

/** Reports the first value that JSON would not give back; it must throw. */
export type ReportProblem = (path: string, reason: string) => never;

/**
 * Checks that JSON gives a value back as it is, and returns its text.
 *
 * Two differences are let pass, as nobody means them: a property that is `undefined` is dropped, and `-0`
 * becomes `0`. Everything else that would change is reported, as is nesting deeper than `MAX_DEPTH`.
 */
export function assertPlainJson(value: unknown, report: ReportProblem): string {
  check(value, ARGS_ROOT, new Set(), report);
  return JSON.stringify(value);
}

/** @param open The objects around the value. */
function check(value: unknown, place: Place, open: Set<object>, report: ReportProblem): void {
  if (typeof value !== 'object' || value === null) {
    const reason = primitiveProblem(value);
    return reason === undefined ? undefined : report(pathOf(place), reason);
  }
  const reason = open.has(value) ? 'refers back to an object that contains it.' : objectProblem(value, place);
  if (reason !== undefined) report(pathOf(place), reason);
  open.add(value);
  for (const key of Object.keys(value)) {
    const member = (value as Record<string, unknown>)[key];
    if (isSafe(member)) continue;
    const at = memberIn(place, value, key);
    if (member !== undefined) check(member, at, open, report);
    else if (Array.isArray(value)) report(pathOf(at), 'is undefined, which JSON turns into null.');
  }
  open.delete(value);
}

/** Texts, flags and null are most of all arguments, and need no check. */
function isSafe(value: unknown): boolean {
  return value === null || typeof value === 'string' || typeof value === 'boolean';
}

function primitiveProblem(value: unknown): string | undefined {
  switch (typeof value) {
    case 'number':
      return Number.isFinite(value) ? undefined : `is ${value}, which JSON turns into null.`;
    case 'bigint':
      return 'is a bigint, which JSON has not. Pass it as text.';
    case 'function':
      return 'is a function, which cannot be stored.';
    case 'symbol':
      return 'is a symbol, which cannot be stored.';
    case 'undefined':
      return 'is undefined, which JSON has not.';
    default:
      return undefined;
  }
}

function objectProblem(value: object, place: Place): string | undefined {
  if (place.depth >= MAX_DEPTH) return `is nested deeper than ${MAX_DEPTH} levels.`;
  if (Object.getOwnPropertySymbols(value).length > 0) return 'has a symbol as a key, which JSON drops.';
  if (Array.isArray(value)) return arrayProblem(value);
  if (value instanceof Date) {
    return 'is a Date, which comes back as text. Pass toISOString(), or declare @Step({ args: TheClass }) with @Type(() => Date).';
  }
  if (!isPlainObject(value)) {
    return (
      `is an instance of ${classNameOf(value)}, which comes back as a plain object. Pass a plain object, or ` +
      'declare the class of the arguments with @Step({ args: TheClass }).'
    );
  }
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') return 'has toJSON(), which replaces it.';
  return undefined;
}

function arrayProblem(value: unknown[]): string | undefined {
  if (!isPlainArray(value))
    return `is an instance of ${classNameOf(value)}, which comes back as a plain array.`;
  const keys = Object.keys(value).length;
  if (keys < value.length) return 'has holes, which JSON turns into null.';
  if (keys > value.length) return 'is an array with further properties, which JSON drops.';
  return undefined;
}
