import { ClientsModule } from '@nestjs/microservices';
import { expect, it } from 'vitest';
import { EventOutbox, SteppingEventsModule } from '../../../lib/events/index.js';
import { TestApplication } from '../../support/application.js';
import { brokerUrl, describeBroker, eventBrokers, EventNames } from '../../support/brokers.js';
import { Databases } from '../../support/placements.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { waitFor } from '../../support/wait-for.js';

const nats = eventBrokers.find(({ kind }) => kind === 'nats')!;

describeBroker('the outbox and permissions', 'nats', () => {
  it('keeps an event whose subject the server refuses, although it answers', async () => {
    const names = new EventNames();
    const pattern = names.pattern('nats');
    const databases = await Databases.create('sqlite', 'one');
    const proxy = await TcpProxy.start(brokerUrl('nats'));
    let refusing = true;
    // What a server says to a user without the permission; it drops the message then.
    proxy.onConnection = (connection) => {
      const { toServer } = connection;
      connection.toServer = (data) => {
        if (refusing && data.includes(pattern)) {
          connection.toClient(Buffer.from(`-ERR 'Permissions Violation for Publish to "${pattern}"'\r\n`));
        }
        toServer(data);
      };
    };
    const app = await TestApplication.start(databases, {
      imports: [
        SteppingEventsModule.forRoot({
          imports: [ClientsModule.register([nats.client(proxy.through(brokerUrl('nats')), names)])],
          transports: { orders: nats.transport(names.client) },
        }),
      ],
      module: { retry: { delay: 20, maxDelay: 200, jitter: false } },
    });
    try {
      const outbox = app.context.get(EventOutbox);
      const { gid } = await outbox.publish('orders', pattern, 1);
      const failing = await waitFor(async () => {
        const job = await app.admin.find(gid);
        return job !== null && job.steps[0]!.attempts >= 2 && job;
      });
      expect(failing.error).toContain('does not let this user publish');
      refusing = false;
      expect((await app.ended(gid)).status).toBe('succeeded');
    } finally {
      await app.close();
      await proxy.down();
      await databases.drop();
    }
  });
});
