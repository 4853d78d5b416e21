import { describeList, SteppingError, type ErrorCause } from './stepping.error.js';

/**
 * An event was to be published through a transport that this application does not have.
 *
 * @publicApi
 */
export class EventTransportNotFoundError extends SteppingError {
  constructor(
    /** The name that was given. */
    readonly transport: string,
    /** The names that there are. */
    readonly known: readonly string[],
  ) {
    super(
      'EventTransportNotFoundError',
      `There is no event transport '${transport}'. Add it under 'transports' of SteppingEventsModule; ` +
        `there are: ${describeList(known)}.`,
    );
  }
}

/**
 * A broker has not confirmed an event, so that it may not have arrived. The step that publishes it is tried again.
 *
 * @publicApi
 */
export class EventNotConfirmedError extends SteppingError {
  constructor(
    /** The id of the event. */
    readonly id: string,
    /** What it was published as. */
    readonly pattern: string,
    /** What is known about why. */
    readonly problem: string,
    options?: ErrorCause,
  ) {
    super('EventNotConfirmedError', `The event '${pattern}' (${id}) is not confirmed: ${problem}.`, options);
  }
}

/**
 * A message was received without an id, so that nobody can tell whether it was received before.
 *
 * @publicApi
 */
export class MessageIdMissingError extends SteppingError {
  constructor(/** Who received it. */ readonly consumer: string) {
    super(
      'MessageIdMissingError',
      `A message for '${consumer}' has no id. Publish it with one (EventOutbox does), as the message id or the header ` +
        "'message-id'.",
    );
  }
}
