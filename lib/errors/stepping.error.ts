/**
 * What identifies a class of errors, and what led to this one.
 *
 * @publicApi
 */
export interface SteppingErrorOptions {
  /** The name of the class, spelled out: `new.target.name` is lost when an application is minified. */
  readonly name: string;
  /** A stable identifier, `STEPPING_…`. */
  readonly code: string;
  /** The error that led to this one. */
  readonly cause?: unknown;
}

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

  protected constructor(message: string, { name, code, cause }: SteppingErrorOptions) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = name;
    this.code = code;
  }
}
