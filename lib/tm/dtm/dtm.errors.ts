import { SteppingError, type ErrorCause } from '../../errors/index.js';

/**
 * The DTM server refused a request about a job, for a reason that trying again does not change.
 *
 * @publicApi
 */
export class DtmRequestRefusedError extends SteppingError {
  constructor(
    /** The id of the job. */
    readonly gid: string,
    /** What the server was asked to do. */
    readonly request: 'prepare' | 'submit' | 'abort' | 'retry' | 'cancel',
    /** What the server said; that it is left out, where it may repeat arguments, signatures or headers. */
    readonly answer: string,
    options?: ErrorCause,
  ) {
    super(
      'DtmRequestRefusedError',
      `The DTM server refused to ${request} job '${gid}': ${answer}. See the server's log, and whether its version and ` +
        'the tables of its store fit each other.',
      options,
    );
  }
}

/**
 * DTM has rolled the job back, or somebody has stopped it there by force, so that it cannot be submitted.
 *
 * @publicApi
 */
export class DtmJobRolledBackError extends SteppingError {
  constructor(/** The id of the job. */ readonly gid: string) {
    super(
      'DtmJobRolledBackError',
      `Job '${gid}' has failed at the DTM server and does not run: it was rolled back, or stopped by force. Start it ` +
        'again as a new job, under another gid.',
    );
  }
}

/**
 * A job is larger than the DTM server, or what stands between it and this application, takes. Nothing was
 * sent.
 *
 * @publicApi
 */
export class DtmLimitError extends SteppingError {
  constructor(
    /** The id of the job. */
    readonly gid: string,
    /** What is too large, such as `the headers`. */
    readonly what: string,
    /** Its size. */
    readonly size: number,
    /** The most that is taken. */
    readonly limit: number,
    advice: string,
  ) {
    super(
      'DtmLimitError',
      `Job '${gid}' cannot be given to DTM: ${what} take ${size}, and ${limit} is the limit. ${advice}`,
    );
  }
}

/**
 * DTM has no way to do what was asked for.
 *
 * @publicApi
 */
export class DtmUnsupportedError extends SteppingError {
  constructor(
    /** What was asked for. */
    readonly what: string,
    advice: string,
  ) {
    super('DtmUnsupportedError', `${what} is not possible with DTM. ${advice}`);
  }
}

/**
 * Callbacks of DTM would be open to everybody who reaches them, and nobody has said that they are meant to be.
 *
 * @publicApi
 */
export class DtmCallbacksUnprotectedError extends SteppingError {
  constructor() {
    super(
      'DtmCallbacksUnprotectedError',
      "dtm() has no 'secrets', so that anybody who reaches the callbacks could run steps and decide on transactions. " +
        "Give 'secrets' ('openssl rand -base64 32' makes one), or say 'allowUnsigned: true' where nobody else reaches them.",
    );
  }
}

/**
 * To be thrown by a step whose work goes on elsewhere: DTM asks again after the same wait, while every other
 * error doubles it. On the self-TM it is a failed attempt like any other.
 *
 * @publicApi
 */
export class StepNotFinishedError extends SteppingError {
  constructor(message = 'The step has not finished yet.') {
    super('StepNotFinishedError', message, { verbatim: true });
  }
}

/**
 * An optional package that a setting needs is not installed.
 *
 * @publicApi
 */
export class MissingPackageError extends SteppingError {
  constructor(
    /** The package that is not installed. */
    readonly packageName: string,
    /** What needs it. */
    readonly neededFor: string,
    options?: ErrorCause,
  ) {
    super(
      'MissingPackageError',
      `${neededFor} needs the package '${packageName}': npm install ${packageName}`,
      options,
    );
  }
}
