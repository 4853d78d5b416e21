/**
 * What a text is of, for `PayloadCodec`. Decoding gets the same as encoding did.
 *
 * @publicApi
 */
export interface PayloadContext {
  /** The id of the job. */
  readonly gid: string;
  /** The place of the step in its job, from 0. */
  readonly stepIndex: number;
  /** `args`: the arguments of the step, as JSON. `error`: the text of its last error. `audit`: arguments that somebody has replaced. */
  readonly purpose: 'args' | 'error' | 'audit';
  /** The tenant of the transaction that the job was started in, if it has one. It is stored beside the text, as it is. */
  readonly tenant?: string;
}

/**
 * Turns texts into what is stored of them, and back: for encryption at rest.
 *
 * It is called for the arguments of steps and for texts of errors; names, gids and times stay as they are. An answer may be a
 * promise, and is waited for 10 seconds at most. A job whose `encode()` fails is not started. One whose `decode()` fails is kept,
 * and left to processes that can decode it.
 *
 * @publicApi
 */
export interface PayloadCodec {
  /** What to store of a text. It may be called while a transaction of the application is open. */
  encode(text: string, context: PayloadContext): string | Promise<string>;
  /**
   * The text that was encoded.
   *
   * @throws PayloadKeyUnknownError where the key is not there, for now or for good. Any other error means that what is stored is
   * damaged.
   */
  decode(text: string, context: PayloadContext): string | Promise<string>;
  /** Called once, before the first job. The application does not start when it fails. */
  load?(): void | Promise<void>;
}
