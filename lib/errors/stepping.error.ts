import { printable, withoutUserInfo } from './printable.js';

/**
 * The options that errors with a cause take.
 *
 * @publicApi
 */
export interface ErrorCause {
  /** The error that led to this one. */
  readonly cause?: unknown;
}

/**
 * What a class of errors may give its base.
 *
 * @publicApi
 */
export interface SteppingErrorOptions extends ErrorCause {
  /** The code of the class. Default: `STEPPING_` and the name of the class in capitals. */
  readonly code?: string;
  /**
   * The message is a text of the application's own, or meant to have several lines: it is kept as it is. Other messages become one line of bounded
   * length, since they quote names and values of others. Default: `false`.
   */
  readonly verbatim?: boolean;
}

/** Whoever catches an error may print it whole. */
const MAX_MESSAGE_LENGTH = 4000;

/**
 * The base of every error that the library throws.
 *
 * Tell errors apart by their class, or by `code`, which stays the same from release to release while
 * messages may change.
 *
 * @publicApi
 */
export abstract class SteppingError extends Error {
  /** The stable identifier of the class, `STEPPING_` and its name in capitals. */
  readonly code: string;
  /** An own property, so that it is still there after the error went through JSON. */
  override readonly name: string;

  /** @param name The name of the class, spelled out: a minifier changes what `new.target.name` says. */
  protected constructor(
    name: string,
    message: string,
    { cause, code = codeOf(name), verbatim = false }: SteppingErrorOptions = {},
  ) {
    super(
      // A URL may have been passed in the place of a name.
      verbatim ? message : printable(withoutUserInfo(message), MAX_MESSAGE_LENGTH),
      cause === undefined ? undefined : { cause },
    );
    this.name = name;
    this.code = code;
  }
}

/**
 * Keeps on an error something that somebody passed by mistake, for who asks for it by name. It may be a client or a manager, with the URL and the
 * password that it connects with, and errors are printed whole: `inspect()`, loggers and `JSON.stringify()` leave out what cannot be enumerated.
 */
export function keepUnseen(error: SteppingError, name: string, value: unknown): void {
  Object.defineProperty(error, name, { value });
}

/** `STEPPING_JOB_NOT_FOUND` for `JobNotFoundError`. */
function codeOf(name: string): string {
  const words = name.replace(/^Stepping|Error$/g, '').replace(/(?<=.)([A-Z])/g, '_$1');
  return `STEPPING_${words.toUpperCase()}`;
}

const MAX_LENGTH = 80;

/** A short text for a value in a message: long enough to recognise it, never a whole object. */
export function describeValue(value: unknown): string {
  switch (typeof value) {
    case 'string':
      // Before the cut, which might take the sign away that a password is known by.
      return JSON.stringify(cut(withoutUserInfo(value)));
    case 'bigint':
      return `${value}n`;
    case 'symbol':
      return cut(withoutUserInfo(value.toString()));
    case 'function':
      return value.name ? `the function ${cut(value.name)}` : 'a function';
    case 'object':
      return value === null ? 'null' : Array.isArray(value) ? 'an array' : describeObject(value);
    default:
      return String(value);
  }
}

/** `'a', 'b' and 'c'`, or what `none` says. */
export function describeList(items: readonly string[], none = 'none'): string {
  const quoted = items.map((item) => `'${item}'`);
  if (quoted.length < 2) return quoted[0] ?? none;
  return `${quoted.slice(0, -1).join(', ')} and ${quoted.at(-1)}`;
}

function describeObject(value: object): string {
  const name: unknown = (Object.getPrototypeOf(value) as object | null)?.constructor?.name;
  return typeof name === 'string' && name !== '' && name !== 'Object'
    ? `an instance of ${cut(name)}`
    : 'an object';
}

function cut(text: string): string {
  return text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}…` : text;
}
