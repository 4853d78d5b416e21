import { SteppingError, type ErrorCause } from './stepping.error.js';

/**
 * A stored text cannot be decoded, or a new one not be encoded, since this process does not have the key. The job is kept, and left to
 * processes that have it; no attempt is counted. A codec of your own throws it for the same reason.
 *
 * @publicApi
 */
export class PayloadKeyUnknownError extends SteppingError {
  constructor(
    /** The id of the key, where it is known. */
    readonly keyId?: string,
    /** Why it is not there. */
    readonly reason = 'this process does not have it',
    options?: ErrorCause,
  ) {
    super(
      'PayloadKeyUnknownError',
      `The key${keyId === undefined ? '' : ` '${keyId}'`} of an encoded text is unknown: ${reason}. Give the option 'codec' all keys ` +
        'that stored jobs were encoded with.',
      options,
    );
  }
}

/**
 * A stored text cannot be decoded although its key is there: it was changed, cut, or copied from another job or step. The job is
 * kept, and no attempt is counted.
 *
 * @publicApi
 */
export class PayloadCorruptError extends SteppingError {
  constructor(
    /** What is wrong with it. */
    readonly reason: string,
    options?: ErrorCause,
  ) {
    super(
      'PayloadCorruptError',
      `An encoded text cannot be decoded: ${reason}. Restore its row, or end the job with DistributedJobs.cancel().`,
      options,
    );
  }
}

/**
 * The codec has thrown while it encoded, has not settled in time, or its answer is no text. A job that was being started is not; a
 * stored one is kept, and no attempt is counted.
 *
 * @publicApi
 */
export class PayloadCodecError extends SteppingError {
  constructor(
    /** What the codec was asked for. */
    readonly operation: 'encode' | 'decode' | 'load',
    /** What went wrong. */
    readonly problem: string,
    options?: ErrorCause,
  ) {
    super(
      'PayloadCodecError',
      `${operation}() of the option 'codec' failed: ${problem}. See its cause, if it has one.`,
      options,
    );
  }
}
