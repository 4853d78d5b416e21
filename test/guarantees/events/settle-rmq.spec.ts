import { KafkaContext, MqttContext, NatsContext, RedisContext, RmqContext } from '@nestjs/microservices';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { messageIdOf, settleRmq } from '../../../lib/events/index.js';
import { describeBroker, eventBrokers, EventNames, withAmqp } from '../../support/brokers.js';
import { EventReceiver, type ReceivedEvent } from '../../support/event-receiver.js';
import { waitFor } from '../../support/wait-for.js';

describeBroker('settleRmq', 'rabbitmq', () => {
  const pattern = 'order.placed';
  let names: EventNames;
  let receiver: EventReceiver;
  let thrown: unknown[];

  beforeEach(async () => {
    names = new EventNames();
    thrown = [];
    receiver = await EventReceiver.start(eventBrokers[0]!.server(names), pattern);
  });
  afterEach(async () => {
    await receiver?.close();
    await names.remove('rabbitmq');
  });

  const send = (messageId?: string): Promise<unknown> =>
    withAmqp(async (channel) => {
      channel.sendToQueue(names.queue, Buffer.from(JSON.stringify({ pattern, data: 1 })), { messageId });
      // An answer that comes after it.
      await channel.checkQueue(names.queue);
    });

  /** Handles each message with it, and keeps what it throws. */
  const handle = (
    work: (event: ReceivedEvent) => unknown,
    options?: Parameters<typeof settleRmq>[2],
  ): void => {
    receiver.onEvent = (event) =>
      settleRmq(event.context as RmqContext, () => work(event), options).catch((error: unknown) => {
        thrown.push(error);
      });
  };

  /** What is in the queue once nobody receives any more. */
  const left = async (): Promise<number> => {
    await receiver.close();
    return withAmqp(async (channel) => (await channel.checkQueue(names.queue)).messageCount);
  };

  it('acknowledges the message after the work', async () => {
    let finish!: () => void;
    const working = new Promise<void>((resolve) => (finish = resolve));
    let settled = false;
    receiver.onEvent = async ({ context }) => {
      expect(await settleRmq(context as RmqContext, () => working.then(() => 'done'))).toBe('done');
      settled = true;
    };
    await send('m-1');
    await receiver.received('m-1');
    expect(settled).toBe(false);
    finish();
    await waitFor(() => settled);
    expect(await left()).toBe(0);
  });

  it('requeues the message after an error, not before the delay, and throws the error on', async () => {
    const times: number[] = [];
    handle(
      () => {
        times.push(performance.now());
        if (times.length < 3) throw new Error(`no ${times.length}`);
      },
      { delay: 300 },
    );
    await send('m-2');
    await waitFor(() => times.length === 3);
    for (const at of [1, 2]) expect(times[at]! - times[at - 1]!).toBeGreaterThan(290);
    expect(thrown).toEqual([new Error('no 1'), new Error('no 2')]);
    expect(await left()).toBe(0);
  });

  it('rejects it after an error where that is wanted', async () => {
    handle(
      () => {
        throw new Error('no');
      },
      { onError: 'reject', delay: 0 },
    );
    await send('m-3');
    await waitFor(() => thrown.length === 1);
    expect(await left()).toBe(0);
    expect(receiver.events).toHaveLength(1);
  });

  it('never requeues a message without an id', async () => {
    let works = 0;
    handle(() => (works += 1), { delay: 0 });
    await send();
    await waitFor(() => thrown.length === 1);
    expect(thrown).toMatchObject([{ name: 'MessageIdMissingError', consumer: pattern }]);
    await send('m-4');
    await waitFor(() => works === 1);
    expect(await left()).toBe(0);
    expect(receiver.events.map(({ id }) => id)).toEqual([undefined, 'm-4']);
  });

  it('goes on to other messages after one with options that cannot be, which comes again', async () => {
    const done: unknown[] = [];
    receiver.onEvent = ({ context, id }) => {
      const isFirst = receiver.events.length === 1;
      const options = isFirst ? { onError: 'retry' as never } : {};
      return settleRmq(context as RmqContext, () => done.push(id), options).catch((error: unknown) => {
        thrown.push(error);
      });
    };
    await send('m-7');
    await waitFor(() => done.length === 1);
    expect(thrown).toMatchObject([{ name: 'InvalidOptionError', option: 'settleRmq.onError' }]);
    expect(done).toEqual(['m-7']);
    expect(await left()).toBe(0);
  });

  it('takes a channel that has been closed meanwhile for no error', async () => {
    let calls = 0;
    let result: unknown;
    receiver.onEvent = async ({ context }) => {
      calls += 1;
      result = await settleRmq(context as RmqContext, async () => {
        await (context as RmqContext).getChannelRef().close();
        return 'done';
      });
    };
    await send('m-5');
    await waitFor(() => result === 'done');
    expect(calls).toBe(1);
    expect(await left()).toBe(1);
  });
});

it('settleRmq gives the message back before it refuses options that cannot be', async () => {
  const wrong: unknown[] = [{ onError: 'retry' }, { delay: '1h' }, { after: 1 }, 'requeue', null];
  const refused = wrong.map(async (options) => {
    const answers: unknown[] = [];
    const channel = { nack: (...answer: unknown[]) => void answers.push(answer) };
    const message = { properties: { messageId: 'm-6' } };
    const context = new RmqContext([message, channel, 'order.placed']);
    let works = 0;
    const settled = settleRmq(context, () => (works += 1), options as never);
    await expect(settled).rejects.toMatchObject({ name: 'InvalidOptionError' });
    expect(answers).toEqual([[message, false, true]]);
    expect(works).toBe(0);
  });
  await Promise.all(refused);
});

describe('messageIdOf', () => {
  const rmq = (properties: object) => new RmqContext([{ properties }, {}, 'p']);
  const mqtt = (properties?: object) => new MqttContext(['t', { properties }]);
  const kafka = (message: object) => new KafkaContext([message, 3, 'orders', {}, {}, {}] as never);

  it('finds the id of each kind of message', () => {
    expect(messageIdOf(rmq({ messageId: 'a', headers: { 'message-id': 'b' } }))).toBe('a');
    expect(messageIdOf(rmq({ headers: { 'message-id': 'b' } }))).toBe('b');
    expect(messageIdOf(new NatsContext(['s', new Map([['message-id', 'c']])]))).toBe('c');
    expect(messageIdOf(mqtt({ userProperties: { 'message-id': 'd' } }))).toBe('d');
    expect(messageIdOf(mqtt({ userProperties: { 'message-id': ['e', 'f'] } }))).toBe('e');
    expect(messageIdOf(kafka({ offset: '17', headers: {} }))).toBe('orders:3:17');
    expect(messageIdOf(kafka({ offset: '17', headers: { 'message-id': Buffer.from('g') } }))).toBe('g');
  });

  it('finds none where there is none', () => {
    const none = [
      rmq({}),
      rmq({ messageId: '', headers: { 'message-id': '' } }),
      rmq({ messageId: 7 }),
      new NatsContext(['s', undefined]),
      new NatsContext(['s', new Map()]),
      mqtt(),
      mqtt({ userProperties: {} }),
      new RedisContext(['channel']),
      undefined,
      null,
      {},
      'text',
    ];
    for (const context of none) expect(messageIdOf(context)).toBeUndefined();
  });
});
