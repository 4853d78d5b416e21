import { inspect, types } from 'node:util';

/** For log lines. */
const MAX_LENGTH = 1000;
/** An error, its causes and the errors of an `AggregateError`: no more than these are told. */
const MAX_ERRORS = 8;
/** Of a cause that the message of an error tells. */
const MAX_CAUSE_LENGTH = 300;
/** What each cause keeps when the errors before it are long. */
const RESERVED_LENGTH = 400;
/** An object with more properties is told by its class: `inspect()` would write out millions before anything is cut. */
const MAX_PROPERTIES = 50;
const MAX_ELEMENTS = 10;
/** Of objects in objects, where they are small enough. */
const MAX_DEPTH = 2;
const INSPECTION = {
  breakLength: Infinity,
  maxArrayLength: MAX_ELEMENTS,
  maxStringLength: 200,
  customInspect: false,
};

/**
 * The text of whatever was thrown, with its causes, in one piece for a log line. It never throws and is never longer than
 * `limit`: what is thrown by the code of an application may be anything, and getters and `toString()` may throw in turn.
 */
export function errorText(thrown: unknown, limit = MAX_LENGTH): string {
  return joined(
    errorsOf(thrown)
      .filter(({ value }, at, all) => !all.slice(0, at).some((before) => tells(before.value, value)))
      .map(({ value, relation }) => relation + headOf(value, limit)),
    '; ',
    limit,
  );
}

/** As `errorText()`, with the stacks. */
export function errorReport(thrown: unknown, limit: number): string {
  return joined(
    errorsOf(thrown).map(({ value, relation }) => relation + headOf(value, limit) + framesOf(value, limit)),
    '\n',
    limit,
  );
}

/** The cause, as a part of a message: whoever logs only messages would miss it. */
export function because({ cause }: { readonly cause?: unknown } = {}): string {
  return cause === undefined ? '' : `: ${errorText(cause, MAX_CAUSE_LENGTH).replace(/\.$/, '')}`;
}

/** A text that every encoding holds. */
export function asciiText(text: string): string {
  return text.replace(/[^\n -~]/gu, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`);
}

/** A property of whatever was thrown; undefined where it cannot be read. */
export function propertyOf(thrown: unknown, name: string): unknown {
  try {
    return (thrown as Record<string, unknown> | null | undefined)?.[name];
  } catch {
    return undefined;
  }
}

/** Whether it is an error of this class. `instanceof` may throw: of a proxy, and of what has one for its prototype, it runs code of the application. */
export function isInstance<T extends Error>(thrown: unknown, type: { readonly prototype: T }): thrown is T {
  try {
    return types.isNativeError(thrown) && thrown instanceof (type as new () => T);
  } catch {
    return false;
  }
}

/**
 * The elements of an array that belongs to what was thrown; none of anything else. They are read one by one, since methods of the
 * array would run accessors that may throw, and may be its own.
 */
export function elementsOf(list: unknown, limit = Infinity): unknown[] {
  // Of a proxy, even `Array.isArray()` may throw.
  if (types.isProxy(list) || !Array.isArray(list)) return [];
  return Array.from({ length: Math.min(list.length, limit) }, (_, at) => propertyOf(list, String(at)));
}

interface Told {
  readonly value: unknown;
  /** How it belongs to the error before it. */
  readonly relation: string;
}

function errorsOf(thrown: unknown): Told[] {
  const told: Told[] = [];
  const add = (value: unknown, relation: string): void => {
    if (told.length === MAX_ERRORS || told.some((other) => other.value === value)) return;
    told.push({ value, relation });
    if (!isErrorLike(value)) return;
    const cause = propertyOf(value, 'cause');
    if (cause !== undefined && cause !== null) add(cause, 'caused by ');
    for (const error of elementsOf(propertyOf(value, 'errors'), MAX_ERRORS)) {
      // Other libraries keep lists of their own, such as those of a validation, in a property of this name.
      if (types.isNativeError(error)) add(error, 'one of its errors: ');
    }
  };
  add(thrown, '');
  return told;
}

/** Whether the message of an error of ours tells its cause already. */
function tells(error: unknown, cause: unknown): boolean {
  const [message, part, code] = [messageOf(error), messageOf(cause), propertyOf(error, 'code')];
  if (typeof message !== 'string' || typeof part !== 'string' || part === '') return false;
  return typeof code === 'string' && code.startsWith('STEPPING_') && message.includes(part);
}

function isErrorLike(value: unknown): boolean {
  return types.isNativeError(value) || typeof messageOf(value) === 'string';
}

function messageOf(value: unknown): unknown {
  return typeof value === 'object' ? propertyOf(value, 'message') : undefined;
}

/** Name, code and message. */
function headOf(value: unknown, limit: number): string {
  if (!isErrorLike(value)) return described(value, limit);
  const name = propertyOf(value, 'name');
  const message = messageOf(value);
  const text = typeof message === 'string' ? message.slice(0, limit) : 'its message cannot be read';
  return `${typeof name === 'string' && name ? name.slice(0, 100) : 'Error'}${codeOf(value, text)}${text && ': '}${text}`;
}

/** Errors of networks and databases are told apart by their codes; ours by their names. */
function codeOf(value: unknown, text: string): string {
  const code = propertyOf(value, 'code');
  if (typeof code !== 'string' && typeof code !== 'number') return '';
  const shown = String(code).slice(0, 100);
  return shown === '' || shown.startsWith('STEPPING_') || text.includes(shown) ? '' : ` [${shown}]`;
}

/** The stack may begin with an older message, or with one of many megabytes. */
function framesOf(value: unknown, limit: number): string {
  const stack = types.isNativeError(value) ? propertyOf(value, 'stack') : undefined;
  if (typeof stack !== 'string') return '';
  const frames = stack.search(/\n {4}at /);
  return frames === -1 ? '' : stack.slice(frames, frames + limit);
}

function described(value: unknown, limit: number): string {
  if (typeof value === 'string') return value.slice(0, limit);
  if (typeof value === 'function') return 'a function';
  // Nothing may be asked of it: its traps are code of the application.
  if (types.isProxy(value)) return 'a proxy';
  try {
    const depth = depthOf(value);
    if (depth >= 0) return inspect(value, { ...INSPECTION, depth });
    const name = propertyOf(propertyOf(value, 'constructor'), 'name');
    const kind = typeof name === 'string' && name ? name.slice(0, 100) : 'Object';
    return `an object of class ${kind} with more than ${MAX_PROPERTIES} properties`;
  } catch {
    return `a value of type ${typeof value} that cannot be described`;
  }
}

/** How deep `inspect()` may go, so that it writes no more than `MAX_PROPERTIES`; -1 where the object itself has more. */
function depthOf(value: unknown): number {
  let level = [value];
  let properties = 0;
  for (let depth = 0; depth <= MAX_DEPTH; depth++) {
    const inner: unknown[] = [];
    for (const object of level.filter((each) => typeof each === 'object' && each !== null) as object[]) {
      // What is in these is not looked at.
      const closed = types.isProxy(object) || types.isMap(object) || types.isSet(object);
      if (closed && depth > 0) return depth - 1;
      const keys = closed ? [] : keysOf(object);
      properties += keys.length;
      if (properties > MAX_PROPERTIES) return depth - 1;
      // Getters are not run.
      inner.push(...keys.map((key) => Object.getOwnPropertyDescriptor(object, key)?.value as unknown));
    }
    level = inner;
  }
  return MAX_DEPTH;
}

/** Those that `inspect()` writes out. */
function keysOf(object: object): string[] {
  if (ArrayBuffer.isView(object)) return [];
  // Of an error, also those that are not enumerable, such as its cause.
  if (!Array.isArray(object))
    return types.isNativeError(object) ? Object.getOwnPropertyNames(object) : Object.keys(object);
  return Array.from({ length: Math.min(object.length, MAX_ELEMENTS) }, (_, at) => String(at));
}

/** Long errors are cut for the sake of those after them. NUL and halves of characters cannot be stored everywhere. */
function joined(parts: readonly string[], separator: string, limit: number): string {
  let text = '';
  parts.forEach((part, index) => {
    const reserved = parts
      .slice(index + 1)
      .reduce((sum, { length }) => sum + separator.length + Math.min(length, RESERVED_LENGTH), 0);
    const room = Math.max(limit - text.length - reserved, RESERVED_LENGTH);
    text += (index === 0 ? '' : separator) + part.slice(0, room);
  });
  const storable = text
    .slice(0, limit)
    .replaceAll('\u0000', '')
    .replace(/\p{Surrogate}/gu, '\uFFFD');
  return storable || 'an empty text';
}
