import { ClientsModule, Transport } from '@nestjs/microservices';
import { UniqueMessageIdProvider } from 'mqtt';
import { expect, it } from 'vitest';
import { EventOutbox, mqttTransport, SteppingEventsModule } from '../../../lib/events/index.js';
import { TestApplication } from '../../support/application.js';
import { brokerUrl, describeBroker, eventBrokers, EventNames } from '../../support/brokers.js';
import { EventReceiver } from '../../support/event-receiver.js';
import { Databases } from '../../support/placements.js';
import { waitFor } from '../../support/wait-for.js';

const mqtt = eventBrokers.find(({ kind }) => kind === 'mqtt')!;

describeBroker('the outbox and missing subscribers', 'mqtt', () => {
  it.each<[string, object]>([
    ['in a row', {}],
    ['that are used again as soon as they are free', { messageIdProvider: new UniqueMessageIdProvider() }],
  ])('keeps an event until somebody subscribes, with numbers of packets %s', async (_, options) => {
    const names = new EventNames();
    const pattern = names.pattern('mqtt');
    const databases = await Databases.create('sqlite', 'one');
    const client = {
      name: names.client,
      transport: Transport.MQTT,
      options: { url: brokerUrl('mqtt'), protocolVersion: 5, ...options },
    } as const;
    let receiver: EventReceiver | undefined;
    const app = await TestApplication.start(databases, {
      imports: [
        SteppingEventsModule.forRoot({
          imports: [ClientsModule.register([client])],
          transports: { devices: mqttTransport({ client: names.client }) },
        }),
      ],
      module: { retry: { delay: 20, maxDelay: 200, jitter: false } },
    });
    try {
      const { id, gid } = await app.context.get(EventOutbox).publish('devices', pattern, { on: true });
      const failing = await waitFor(async () => {
        const job = await app.admin.find(gid);
        return job !== null && (job.status === 'succeeded' || job.steps[0]!.attempts >= 4) && job;
      });
      expect(failing.status).toBe('submitted');
      expect(failing.error).toContain('nobody subscribes to the topic');
      receiver = await EventReceiver.start(mqtt.server(names), pattern);
      expect((await receiver.received(id)).payload).toEqual({ on: true });
      expect((await app.ended(gid)).status).toBe('succeeded');
    } finally {
      await app.close();
      await receiver?.close();
      await databases.drop();
    }
  });
});
