import { setTimeout as wait } from 'node:timers/promises';
import { MessageIdMissingError } from '../errors/index.js';
import { propertyOf } from '../errors/error-text.js';
import type { Duration } from '../core/duration.js';
import { checkedOption, durationOption, readOptions } from '../core/options.js';
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

type OnError = NonNullable<SettleRmqOptions['onError']>;

const OPTIONS = {
  onError: checkedOption<OnError, OnError>(
    (value) => value === 'requeue' || value === 'reject',
    "'requeue' or 'reject'",
    'requeue',
  ),
  // RabbitMQ closes the channel of a consumer that keeps a message for half an hour.
  delay: durationOption('1s', { max: 300_000 }),
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
 * @throws InvalidOptionError for options that cannot be.
 * @throws what the work throws.
 * @publicApi
 */
export async function settleRmq<T>(
  context: RmqContextLike,
  work: () => Promise<T> | T,
  options: SettleRmqOptions = {},
): Promise<T> {
  const { onError, delay } = readOptions(options, 'settleRmq', OPTIONS);
  const channel = context.getChannelRef() as Channel;
  const message = context.getMessage();
  if (messageIdOf(context) === undefined) {
    settle(() => channel.nack(message, false, false));
    throw new MessageIdMissingError(context.getPattern());
  }
  let result: T;
  try {
    result = await work();
  } catch (error) {
    // A process that ends meanwhile gives the message back as well.
    if (onError === 'requeue') await wait(delay, undefined, { ref: false });
    settle(() => channel.nack(message, false, onError === 'requeue'));
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
