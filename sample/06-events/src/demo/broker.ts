import { randomBytes } from 'node:crypto';
import { connect, type ChannelModel } from 'amqplib';
import { MissingBrokerError } from './missing-broker.error.js';

const CONNECT_TIMEOUT_MS = 5000;

/** The broker, over a connection of the demonstration's own, with names that no other run has. */
export class Broker {
  readonly exchange: string;
  readonly queue: string;

  private constructor(
    readonly url: string,
    private readonly connection: ChannelModel,
  ) {
    const run = randomBytes(6).toString('hex');
    this.exchange = `stepping-sample-06.${run}.orders`;
    this.queue = `stepping-sample-06.${run}.billing`;
  }

  /** @throws MissingBrokerError if it cannot be reached, or refuses access. */
  static async connect(url: string): Promise<Broker> {
    if (!URL.canParse(url) || new URL(url).protocol !== 'amqp:') {
      throw new MissingBrokerError('RABBITMQ_URL is no amqp:// address');
    }
    try {
      const connection = await connect(url, { timeout: CONNECT_TIMEOUT_MS });
      // Broken by a broker that goes away; the next use tells.
      connection.on('error', () => undefined);
      return new Broker(url, connection);
    } catch (error) {
      throw new MissingBrokerError(`${addressOf(url)} cannot be used: ${reasonOf(error)}`);
    }
  }

  /** How many events wait in the queue, and who takes them. */
  async look(): Promise<{ readonly waiting: number; readonly consumers: number }> {
    const channel = await this.connection.createChannel();
    try {
      const { messageCount, consumerCount } = await channel.checkQueue(this.queue);
      return { waiting: messageCount, consumers: consumerCount };
    } finally {
      await channel.close();
    }
  }

  /** Deletes what this run has made, and leaves. */
  async end(): Promise<void> {
    const channel = await this.connection.createChannel();
    await channel.deleteQueue(this.queue);
    await channel.deleteExchange(this.exchange);
    await this.connection.close();
  }
}

/** Without user, password and settings. */
export function addressOf(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}

function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join(', ');
  return error instanceof Error ? error.message : String(error);
}
