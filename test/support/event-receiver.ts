import { Controller, type INestApplication } from '@nestjs/common';
import { Ctx, EventPattern, Payload, type MicroserviceOptions, type RmqContext } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { messageIdOf } from '../../lib/events/index.js';
import { waitFor } from './wait-for.js';

/** A message as a handler of Nest was given it. */
export interface ReceivedEvent {
  readonly id: string | undefined;
  readonly payload: any;
  readonly context: unknown;
}

/** A Nest application that receives events as those of users do. */
export class EventReceiver {
  readonly events: ReceivedEvent[] = [];
  /** What is done with each message; RabbitMQ's are acknowledged by default. */
  onEvent: (event: ReceivedEvent) => unknown = ({ context }) => {
    const { getChannelRef, getMessage } = context as Partial<RmqContext>;
    if (getChannelRef) getChannelRef.call(context).ack(getMessage!.call(context));
  };
  private app: INestApplication | undefined;

  static async start(server: MicroserviceOptions, pattern: string): Promise<EventReceiver> {
    const receiver = new EventReceiver();
    @Controller()
    class Events {
      @EventPattern(pattern)
      async receive(@Payload() payload: unknown, @Ctx() context: unknown): Promise<void> {
        const event = { id: messageIdOf(context), payload, context };
        receiver.events.push(event);
        await receiver.onEvent(event);
      }
    }
    const testing = await Test.createTestingModule({ controllers: [Events] }).compile();
    const app = testing.createNestApplication();
    app.connectMicroservice<MicroserviceOptions>(server);
    await app.startAllMicroservices();
    receiver.app = app;
    return receiver;
  }

  /** The ids, each once, in the order of their first delivery. */
  get ids(): (string | undefined)[] {
    return [...new Set(this.events.map(({ id }) => id))];
  }

  async received(id: string): Promise<ReceivedEvent> {
    return waitFor(() => this.events.find((event) => event.id === id), {
      message: () => ({ missing: id, received: this.ids }),
    });
  }

  async close(): Promise<void> {
    await this.app?.close();
  }
}
