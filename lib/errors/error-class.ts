import { propertyOf } from './error-text.js';

const NAME = /^[\w$.-]{1,100}$/;

/**
 * The class of whatever was thrown, for numbers and traces, which must hold no text of the application; `null` where it has none. A
 * subclass of `Error` often sets no name: then its constructor tells it.
 */
export function errorClass(thrown: unknown): string | null {
  const name = propertyOf(thrown, 'name');
  const own = propertyOf(propertyOf(thrown, 'constructor'), 'name');
  const told = typeof thrown !== 'object' || name === undefined || name === 'Error' ? own : name;
  return typeof told === 'string' && NAME.test(told) ? told : null;
}
