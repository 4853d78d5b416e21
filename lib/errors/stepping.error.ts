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

  /** @param name The name of the class, spelled out: a minifier changes what `new.target.name` says. */
  protected constructor(
    name: string,
    message: string,
    { cause, code = codeOf(name) }: SteppingErrorOptions = {},
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = name;
    this.code = code;
  }
}

/** `STEPPING_JOB_NOT_FOUND` for `JobNotFoundError`. */
function codeOf(name: string): string {
  const words = name.replace(/^Stepping|Error$/g, '').replace(/(?<=.)([A-Z])/g, '_$1');
  return `STEPPING_${words.toUpperCase()}`;
}
