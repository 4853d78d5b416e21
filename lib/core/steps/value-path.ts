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
  if (typeof key === 'symbol') return `[${String(key)}]`;
  return IDENTIFIER.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
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

/** The name of an object's class, for messages. */
export function classNameOf(value: object): string {
  const prototype = Object.getPrototypeOf(value) as { constructor?: { name?: unknown } } | null;
  const name = prototype?.constructor?.name;
  return typeof name === 'string' && name !== '' ? name : 'an unnamed class';
}
