import { LineLogger } from '../core/line-logger.js';
import { problemOf } from './confirmation.js';

/** A channel of a `ClientRMQ` itself, of amqp-connection-manager. */
export interface NestChannel {
  on(event: 'error', listener: (error: unknown) => void): unknown;
}

interface ChannelOwner {
  channel?: NestChannel | null;
}

const guarded = new WeakSet<ChannelOwner>();

/**
 * Listens to the errors of every channel that the client makes, which Nest does not: a connection that is cut while one is set up would end the
 * process. From NestJS 12 on there is a new one after each reconnect, so the client is watched, not one channel.
 */
export function guardChannels(client: ChannelOwner): void {
  if (guarded.has(client)) return;
  guarded.add(client);
  const logger = new LineLogger('RmqTransport');
  let current = client.channel;
  const listen = (channel: typeof current): void => {
    channel?.on('error', (error) => {
      logger.warn(`The client of RabbitMQ could not set up its channel: ${problemOf(error)}.`);
    });
  };
  listen(current);
  Object.defineProperty(client, 'channel', {
    configurable: true,
    enumerable: true,
    get: () => current,
    set: (channel: typeof current) => {
      if (channel !== current) listen(channel);
      current = channel;
    },
  });
}
