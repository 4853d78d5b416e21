import { setImmediate as turn } from 'node:timers/promises';
import type { DynamicModule, INestApplicationContext } from '@nestjs/common';
import { ClientsModule, Transport } from '@nestjs/microservices';
import {
  EventOutbox,
  rmqTransport,
  SteppingEventsModule,
  type ClientTransport,
  type EventTransport,
} from 'nestjs-stepping/events';
import type { JobPlan } from '../plan.js';
import { EXCHANGE, PLACED, SOCKET } from './event-names.js';
import { pass } from './faults.js';
import { tell } from './tell.js';

const CLIENT = 'ORDERS_CLIENT';
const TRANSPORT = 'orders';

/** The outbox of an application whose events go to RabbitMQ. */
export function outboxModule(broker: string): DynamicModule {
  const options = { urls: [broker], exchange: EXCHANGE, wildcards: true, socketOptions: SOCKET };
  return SteppingEventsModule.forRoot({
    imports: [ClientsModule.register([{ name: CLIENT, transport: Transport.RMQ, options }])],
    transports: { [TRANSPORT]: observed(rmqTransport({ client: CLIENT, exchange: EXCHANGE })) },
  });
}

/** Publishes that an order was placed, and returns the gid of the event's job. */
export function publisherOf(app: INestApplicationContext): (plan: JobPlan) => Promise<string> {
  const outbox = app.get(EventOutbox);
  return async ({ order, ownGid }) => {
    const { gid } = await outbox.publish(TRANSPORT, PLACED, { order }, ownGid ? { id: order } : {});
    return gid;
  };
}

/** The process may die when an event has left it and is not confirmed. */
function observed({ client, connect }: ClientTransport): ClientTransport {
  return {
    client,
    connect: (connected) => {
      const transport = connect(connected);
      return {
        confirms: transport.confirms,
        publish: (message) => observe(transport, message),
        close: async () => transport.close?.(),
      };
    },
  };
}

async function observe(
  transport: EventTransport,
  message: Parameters<EventTransport['publish']>[0],
): Promise<void> {
  let open = true;
  const confirmed = transport.publish(message).finally(() => (open = false));
  // It is reported below.
  confirmed.catch(() => undefined);
  // The client writes in the next turn.
  await turn();
  await turn();
  if (open) pass('event:sent', message.id);
  await confirmed;
  tell({ type: 'published' });
}
