/**
 * An event on its way to a broker.
 *
 * @publicApi
 */
export interface EventMessage {
  /** The same at every attempt. Receivers tell repetitions by it. */
  readonly id: string;
  /** What receivers subscribe to: a routing key, a subject, a topic. */
  readonly pattern: string;
  /** Plain JSON. */
  readonly payload: unknown;
  /** Sent along with `message-id`. */
  readonly headers: Readonly<Record<string, string>>;
  /** Aborted when nobody waits for the confirmation any more. */
  readonly signal: AbortSignal;
}

/**
 * What makes it impossible to publish an event, wherever the broker is.
 *
 * @publicApi
 */
export interface EventProblem {
  /** The place in the arguments of `PublishEventStep`, such as `args.payload`. */
  readonly path: string;
  /** What is wrong there: `must be ...`. */
  readonly reason: string;
}

/**
 * A way to a broker. For a broker of your own, implement it and pass an instance under `transports`.
 *
 * @publicApi
 */
export interface EventTransport {
  /**
   * Who says that an event has arrived: the broker, which keeps it (`'broker'`); the server, which has it in memory (`'server'`); nobody
   * (`'nothing'`), so that an event may be lost although it counts as published.
   */
  readonly confirms: 'broker' | 'server' | 'nothing';
  /**
   * Resolves when the event is confirmed. Any error means that it may not have arrived, and it is published again. Must end soon after
   * `signal` is aborted, and keep nothing of the event then.
   */
  publish(message: EventMessage): Promise<void>;
  /**
   * Finds what no attempt could publish. `EventOutbox.publish()` refuses it with `InvalidStepArgumentsError`; an event that was stored elsewhere
   * fails its attempts.
   */
  check?(event: Pick<EventMessage, 'pattern' | 'payload' | 'headers'>): EventProblem | undefined;
  /** Gives back what the transport itself has opened. Called once, when no more events are published. */
  close?(): Promise<void>;
}

/**
 * The token of a client, as in `ClientsModule.register([{ name }])`.
 *
 * @publicApi
 */
export type ClientToken = string | symbol | (abstract new (...args: any[]) => unknown);

/**
 * A transport over a client of `@nestjs/microservices`, as `rmqTransport()` and its like return it. The module looks for the client.
 *
 * @publicApi
 */
export interface ClientTransport {
  /** The token of the client. */
  readonly client: ClientToken;
  /**
   * Makes the transport over the client. Called once, at the start of the application.
   *
   * @throws InvalidOptionError for a client that the transport cannot use, which stops the start.
   */
  connect(client: unknown): EventTransport;
}
