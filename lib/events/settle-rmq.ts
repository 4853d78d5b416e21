import { setTimeout as wait } from 'node:timers/promises';
import { MessageIdMissingError } from '../errors/index.js';
import { propertyOf } from '../errors/error-text.js';
import type { Duration } from '../core/duration.js';
import { checkedOption, durationOption, readOptions, type OptionsOf } from '../core/options.js';
import { messageIdOf } from './message-id.js';

/**
 * Settings of `settleRmq()`.
 *
 * @publicApi
 */
export interface SettleRmqOptions {
  /**
   * What becomes of the message when the work throws: `'requeue'`, it is delivered again; `'reject'`, it goes to the dead-letter exchange of the
   * queue, or is dropped where there is none. Default: `'requeue'`.
   */
  readonly onError?: 'requeue' | 'reject';
  /** How long a message is held before it is requeued, so that work that always throws is no hot loop: at most 5 minutes. Default: 1 s. */
  readonly delay?: Duration;
}

/**
 * What `settleRmq()` needs of an `RmqContext`.
 *
 * @publicApi
 */
export interface RmqContextLike {
  /** The message, as amqplib gives it. */
  getMessage(): unknown;
  /** The channel that it came by. */
  getChannelRef(): unknown;
  /** What the handler subscribes to. */
  getPattern(): string;
}

/** Of the option `delay`. */
const DEFAULT_DELAY_MS = 1000;

type OnError = NonNullable<SettleRmqOptions['onError']>;

const OPTIONS = {
  onError: checkedOption<OnError, OnError>(
    (value) => value === 'requeue' || value === 'reject',
    "'requeue' or 'reject'",
    'requeue',
  ),
  // RabbitMQ closes the channel of a consumer that keeps a message for half an hour.
  delay: durationOption(DEFAULT_DELAY_MS, { max: 300_000 }),
};

/**
 * Runs the work of a handler of RabbitMQ, and acknowledges the message after it. When the work throws, the message is requeued or rejected, and the error is
 * thrown on. A message without an id is rejected before any work: requeued, it would come again without end, and nobody could tell that it is the same.
 *
 * The microservice must have `noAck: false`. With `noAck: true`, which is Nest's default, the broker has forgotten the message before the handler is called.
 *
 * When the channel has been closed meanwhile, the broker delivers the message again, whatever became of the work. That is no error.
 *
 * @returns what the work returns.
 * @throws MessageIdMissingError for a message without an id.
 * @throws InvalidOptionError for options that cannot be. The message is requeued after a second: it is not lost, and the consumer goes on to others.
 * @throws what the work throws.
 * @publicApi
 */
export async function settleRmq<T>(
  context: RmqContextLike,
  work: () => Promise<T> | T,
  options: SettleRmqOptions = {},
): Promise<T> {
  const channel = context.getChannelRef() as Channel;
  const message = context.getMessage();
  if (messageIdOf(context) === undefined) {
    settle(() => channel.nack(message, false, false));
    throw new MessageIdMissingError(context.getPattern());
  }
  const requeue = async (delay: number): Promise<void> => {
    // A process that ends meanwhile gives the message back as well.
    await wait(delay, undefined, { ref: false });
    settle(() => channel.nack(message, false, true));
  };
  let settings: OptionsOf<typeof OPTIONS>;
  try {
    settings = readOptions(options, 'settleRmq', OPTIONS);
  } catch (error) {
    await requeue(DEFAULT_DELAY_MS);
    throw error;
  }
  let result: T;
  try {
    result = await work();
  } catch (error) {
    if (settings.onError === 'requeue') await requeue(settings.delay);
    else settle(() => channel.nack(message, false, false));
    throw error;
  }
  settle(() => channel.ack(message));
  return result;
}

interface Channel {
  ack(message: unknown): void;
  nack(message: unknown, allUpTo: boolean, requeue: boolean): void;
}

function settle(answer: () => void): void {
  try {
    answer();
  } catch (error) {
    // What amqplib throws on a closed channel.
    if (propertyOf(error, 'name') !== 'IllegalOperationError') throw error;
  }
}
