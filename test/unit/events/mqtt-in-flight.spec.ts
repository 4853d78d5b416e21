import { EventEmitter } from 'node:events';
import { beforeEach, describe, expect, it } from 'vitest';
import { MqttInFlight, type MqttConnection } from '../../../lib/events/mqtt-in-flight.js';

type Acknowledged = Parameters<MqttConnection['publish']>[3];

/** mqtt.js while it gives no number yet: a packet gets one when it is sent, which the test decides. */
class Connection extends EventEmitter {
  readonly connected = true;
  readonly removed: number[] = [];
  private readonly queue: Acknowledged[] = [];
  private readonly sent = new Map<number, Acknowledged>();
  private last = 0;

  publish(_topic: string, _content: unknown, _options: unknown, acknowledged: Acknowledged): void {
    this.queue.push(acknowledged);
  }
  getLastMessageId(): number {
    return this.last;
  }
  removeOutgoingMessage(packetId: number): void {
    this.removed.push(packetId);
  }

  send(packetId: number): void {
    this.last = packetId;
    this.sent.set(packetId, this.queue.shift()!);
  }
  /** As mqtt.js treats an acknowledgement: it tells everybody, and afterwards the one who has published. */
  acknowledge(messageId: number, reasonCode = 0): void {
    this.emit('packetreceive', { cmd: 'puback', messageId, reasonCode });
    this.sent.get(messageId)?.(undefined, { messageId });
    this.sent.delete(messageId);
  }
}

describe('a packet whose number is not known when it is published', () => {
  const NOBODY = 16;
  let connection: Connection;
  let inFlight: MqttInFlight;
  beforeEach(() => {
    connection = new Connection();
    inFlight = new MqttInFlight(connection as unknown as MqttConnection);
  });
  const publish = () => inFlight.publish('topic', 'text', {}, new AbortController().signal);

  it('is refused when nobody subscribes', async () => {
    const [refused, taken] = [publish(), publish()];
    connection.send(4);
    connection.send(7);
    connection.acknowledge(7);
    connection.acknowledge(4, NOBODY);
    await taken;
    await expect(refused).rejects.toThrow('nobody subscribes to the topic');
  });

  it('is not taken for another that had its number before', async () => {
    // Of a packet that the application has published itself.
    connection.acknowledge(4, NOBODY);
    const taken = publish();
    connection.send(4);
    connection.acknowledge(4);
    await taken;
    const refused = publish();
    connection.send(4);
    connection.acknowledge(4, NOBODY);
    await expect(refused).rejects.toThrow('nobody subscribes');
    const next = publish();
    connection.send(4);
    connection.acknowledge(4);
    await next;
  });

  it('is refused when the connection is closed', async () => {
    const refused = publish();
    connection.emit('close');
    await expect(refused).rejects.toThrow('the connection was closed');
  });
});
