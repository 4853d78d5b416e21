import { ClientsModule } from '@nestjs/microservices';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { EventOutbox, PublishEventStep, SteppingEventsModule } from '../../../lib/events/index.js';
import { TestApplication } from '../../support/application.js';
import { brokerUrl, describeBroker, eventBrokers, EventNames } from '../../support/brokers.js';
import { EventReceiver } from '../../support/event-receiver.js';
import { Databases } from '../../support/placements.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { waitFor } from '../../support/wait-for.js';

for (const broker of eventBrokers) {
  describeBroker('the outbox', broker.kind, () => {
    const names = new EventNames();
    const pattern = names.pattern(broker.kind);
    let databases: Databases;
    let proxy: TcpProxy;
    let receiver: EventReceiver;
    let app: TestApplication;
    let outbox: EventOutbox;
    let swallowing = false;

    beforeAll(async () => {
      databases = await Databases.create('sqlite', 'one');
      proxy = await TcpProxy.start(brokerUrl(broker.kind));
      proxy.onConnection = (connection) => {
        const { toServer, toClient } = connection;
        connection.toServer = (data) => void (swallowing || toServer(data));
        connection.toClient = (data) => void (swallowing || toClient(data));
      };
      receiver = await EventReceiver.start(broker.server(names), pattern);
      // The broker is away when the application starts.
      await proxy.down();
      app = await TestApplication.start(databases, {
        imports: [
          SteppingEventsModule.forRoot({
            imports: [ClientsModule.register([broker.client(proxy.through(brokerUrl(broker.kind)), names)])],
            transports: { orders: broker.transport(names.client) },
          }),
        ],
        module: { retry: { delay: 20, maxDelay: 200, jitter: false } },
      });
      outbox = app.context.get(EventOutbox);
      await proxy.up();
    });
    afterAll(async () => {
      await app?.close();
      await receiver?.close();
      await proxy?.down();
      await databases?.drop();
      await names.remove(broker.kind);
    });

    /** Waits until a step has failed so often. */
    const attempts = (gid: string, count: number): Promise<unknown> =>
      waitFor(async () => {
        const [step] = (await app.admin.find(gid))?.steps ?? [];
        return step !== undefined && step.attempts >= count && step;
      });

    it('publishes an event when its transaction commits, with the id of its job', async () => {
      const published = await app.dataSource.transaction(async () => {
        const event = await outbox.publish(
          'orders',
          pattern,
          { orderId: 'ü', at: new Date(0), nothing: undefined },
          { headers: { 'x-tenant': 'acme' } },
        );
        expect(receiver.ids).not.toContain(event.id);
        return event;
      });
      expect(published).toEqual({ id: published.gid, gid: published.gid, created: true });
      const { payload } = await receiver.received(published.id);
      expect(payload).toEqual({ orderId: 'ü', at: '1970-01-01T00:00:00.000Z' });
      const job = await app.ended(published.gid);
      expect(job).toMatchObject({ status: 'succeeded', name: pattern });
      expect(job.steps).toHaveLength(1);
    });

    it('publishes nothing when the transaction rolls back', async () => {
      let lost: string | undefined;
      const rolledBack = app.dataSource.transaction(async () => {
        lost = (await outbox.publish('orders', pattern, { orderId: 'rolled back' })).id;
        throw new Error('no order');
      });
      await expect(rolledBack).rejects.toThrow('no order');
      const { id } = await outbox.publish('orders', pattern, { orderId: 'after' });
      await receiver.received(id);
      expect(receiver.ids).not.toContain(lost);
      expect(await app.admin.find(lost!)).toBeNull();
    });

    it('publishes an event of an id of its own once', async () => {
      const id = `${names.prefix}:7`;
      const publish = () => outbox.publish('orders', pattern, { orderId: 7 }, { id });
      expect(await publish()).toEqual({ id, gid: id, created: true });
      await receiver.received(id);
      await app.ended(id);
      expect(await publish()).toEqual({ id, gid: id, created: false });
      expect(receiver.events.filter((event) => event.id === id)).toHaveLength(1);
    });

    it('publishes as a step of any job, by the key of the step', async () => {
      const { gid } = await app.jobs
        .createJob()
        .addStep(PublishEventStep, { transport: 'orders', pattern, payload: 'first' })
        .addStep(PublishEventStep, { transport: 'orders', pattern, payload: ['second'] })
        .start();
      expect((await receiver.received(`${gid}:0`)).payload).toBe('first');
      expect((await receiver.received(`${gid}:1`)).payload).toEqual(['second']);
    });

    it('goes on while the broker is away, and the id stays the same', async () => {
      await proxy.down();
      const { id, gid } = await outbox.publish('orders', pattern, { orderId: 'later' });
      await attempts(gid, 3);
      const failing = (await app.admin.find(gid))!;
      expect(failing.error).toMatch(/not confirmed|EventNotConfirmedError/);
      await proxy.up();
      expect((await receiver.received(id)).payload).toEqual({ orderId: 'later' });
      expect((await app.ended(gid)).status).toBe('succeeded');
    });

    it('loses attempts and no event when connections are cut again and again', async () => {
      const ids: string[] = [];
      for (let round = 0; round < 5; round += 1) {
        const events = Array.from({ length: 20 }, (_, at) =>
          outbox.publish('orders', pattern, { round, at }),
        );
        const published = await Promise.all(events);
        ids.push(...published.map(({ id }) => id));
        // In the middle of them.
        await waitFor(() => published.some(({ id }) => receiver.ids.includes(id)));
        await proxy.down();
        await proxy.up();
      }
      for (const id of ids) expect((await app.ended(id)).status).toBe('succeeded');
      for (const id of ids) await receiver.received(id);
    });

    it('loses attempts and no event when connections fall silent', async () => {
      const { id: before } = await outbox.publish('orders', pattern, 'before');
      await receiver.received(before);
      proxy.silence();
      const published = await Promise.all(
        Array.from({ length: 5 }, (_, at) => outbox.publish('orders', pattern, { silent: at })),
      );
      for (const { id } of published) await receiver.received(id);
      for (const { gid } of published) expect((await app.ended(gid)).status).toBe('succeeded');
    });

    it('ends an attempt with its time-out when the broker swallows everything', async () => {
      const { id: before } = await outbox.publish('orders', pattern, 'before');
      await receiver.received(before);
      swallowing = true;
      const args = { transport: 'orders', pattern, payload: 'swallowed' };
      const { gid } = await app.jobs
        .createJob()
        .addStep(PublishEventStep, args, { timeout: 300, retry: { maxAttempts: 1 } })
        .start();
      const job = await app.ended(gid);
      expect(job.status).toBe('failed');
      // The client may have noticed before.
      expect(job.error).toMatch(/StepTimeoutError|EventNotConfirmedError/);
      swallowing = false;
      await proxy.down();
      await proxy.up();
      const { id: after } = await outbox.publish('orders', pattern, 'after');
      await receiver.received(after);
      expect(receiver.ids).not.toContain(`${gid}:0`);
    });
  });
}
