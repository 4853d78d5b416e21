import { types } from 'node:util';
import { elementsOf, isInstance, propertyOf } from './error-text.js';
import { SteppingError } from './stepping.error.js';

/** By one of these an error of a driver, of TypeORM, of a network, of a client of Redis, or of the parser of URLs is known. */
const MARKS = [
  'driverError',
  'severity',
  'sqlState',
  'sql',
  'query',
  'rawPacket',
  'cert',
  'command',
  'input',
] as const;

/** What may stay on an error of a driver: what it is, and names of the schema. */
const KEPT: ReadonlySet<PropertyKey> = new Set([
  'name',
  'message',
  'stack',
  'code',
  'errno',
  'sqlState',
  'severity',
  'fatal',
  'syscall',
  'hostname',
  'address',
  'port',
  'schema',
  'table',
  'column',
  'constraint',
  'dataType',
  'driverError',
  'cause',
  'errors',
]);
/** Those that hold errors in turn. */
const NESTED = ['driverError', 'cause', 'errors'] as const;
const MAX_DEPTH = 5;
/** Arguments are stored as JSON, and errors with their stack. Gids and names stay, so that a message can be understood. */
const HOLDS_DATA = /["{\n]/;

/**
 * Takes from an error, and from those that it holds, what a driver or TypeORM adds to it for whoever prints it: the statement and its parameters, the
 * row that was refused, the packet that was received. Loggers and exception filters print errors whole.
 *
 * @param parameters of the statement that failed, which its message may repeat.
 * @returns the same error.
 */
export function withoutData<T>(error: T, parameters: readonly unknown[] = []): T {
  strip(error, parameters, MAX_DEPTH);
  return error;
}

function strip(error: unknown, parameters: readonly unknown[], depth: number): void {
  if (!types.isNativeError(error) || depth === 0) return;
  if (isOfDriver(error)) {
    for (const key of Reflect.ownKeys(error)) if (!KEPT.has(key)) Reflect.deleteProperty(error, key);
  }
  hideIn(error, parameters);
  for (const key of NESTED) {
    const nested = propertyOf(error, key);
    for (const each of [nested, ...elementsOf(nested)]) strip(each, parameters, depth - 1);
  }
}

/** Errors of the library, and what a subscriber of the application has thrown, keep what their catchers ask for. */
function isOfDriver(error: Error): boolean {
  return !isInstance(error, SteppingError) && MARKS.some((mark) => Object.hasOwn(error, mark));
}

function hideIn(error: Error, parameters: readonly unknown[]): void {
  for (const parameter of parameters.flat()) {
    if (typeof parameter !== 'string' || !HOLDS_DATA.test(parameter)) continue;
    for (const written of formsOf(parameter)) {
      for (const key of ['message', 'stack'] as const) {
        const text = propertyOf(error, key);
        if (typeof text !== 'string' || !text.includes(written)) continue;
        Reflect.set(error, key, text.replaceAll(written, '?'));
      }
    }
  }
}

/** As it is, as PostgreSQL writes it in a row and in an array, and as it stands in JSON. */
function formsOf(text: string): Iterable<string> {
  return new Set([
    text,
    text.replaceAll(/["\\]/g, '$&$&'),
    text.replaceAll(/["\\]/g, '\\$&'),
    JSON.stringify(text).slice(1, -1),
  ]);
}
