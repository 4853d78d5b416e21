type Listen = (event: string, listener: (argument: any) => void) => unknown;

/** A client of mqtt.js. */
export interface MqttConnection {
  readonly connected: boolean;
  publish(
    topic: string,
    content: string | Buffer,
    options: { qos: 1; properties: { userProperties: object } },
    acknowledged: (error?: unknown, packet?: { messageId?: number }) => void,
  ): unknown;
  /** Of the newest packet. */
  getLastMessageId(): number;
  /** Forgets a packet, which would be sent again after a reconnect. */
  removeOutgoingMessage(packetId: number): unknown;
  on: Listen;
}

/** How MQTT 5 says that a message was taken, and thrown away. */
const NO_MATCHING_SUBSCRIBERS = 16;
const NOBODY = 'nobody subscribes to the topic';

/** What a client of mqtt.js has sent and the broker has not acknowledged: it stays there for no longer than somebody waits for it. */
export class MqttInFlight {
  private readonly packets = new Map<number, (problem: unknown) => void>();
  private readonly unnumbered = new Set<(problem: unknown) => void>();
  /** The numbers whose newest acknowledgement says that nobody subscribes. There are 65,535 numbers. */
  private readonly unheard = new Set<number>();

  constructor(readonly connection: MqttConnection) {
    connection.on('close', () => this.closed());
    // The callback of publish() does not tell the reason. It tells the number, and comes after this.
    connection.on('packetreceive', (packet: { cmd?: unknown; messageId?: number; reasonCode?: unknown }) => {
      if (packet.cmd !== 'puback') return;
      if (packet.reasonCode === NO_MATCHING_SUBSCRIBERS) this.unheard.add(packet.messageId!);
      else this.unheard.delete(packet.messageId!);
    });
  }

  async publish(
    topic: string,
    content: string | Buffer,
    userProperties: object,
    signal: AbortSignal,
  ): Promise<void> {
    signal.throwIfAborted();
    const { connection } = this;
    await new Promise<void>((resolve, reject) => {
      let packetId: number | undefined;
      const settle = (end: () => void): void => {
        signal.removeEventListener('abort', abort);
        this.unnumbered.delete(fail);
        if (packetId !== undefined && this.packets.get(packetId) === fail) this.packets.delete(packetId);
        end();
      };
      const fail = (problem: unknown): void => settle(() => reject(problem as Error));
      const abort = (): void => {
        fail(signal.reason);
        if (packetId !== undefined) connection.removeOutgoingMessage(packetId);
      };
      signal.addEventListener('abort', abort, { once: true });
      const before = connection.getLastMessageId();
      connection.publish(topic, content, { qos: 1, properties: { userProperties } }, (error, packet) => {
        if (error != null) fail(error);
        else if (this.unheard.delete(packet?.messageId ?? packetId!)) fail(new Error(NOBODY));
        else settle(resolve);
      });
      const last = connection.getLastMessageId();
      // While mqtt.js sends again what others have left, it gives no number yet. It may be told to use one again that is free.
      if (last === before) this.unnumbered.add(fail);
      else this.packets.set((packetId = last), fail);
    });
  }

  private closed(): void {
    const problem = new Error('the connection was closed');
    for (const [packetId, fail] of this.packets) {
      fail(problem);
      this.connection.removeOutgoingMessage(packetId);
    }
    for (const fail of this.unnumbered) fail(problem);
  }
}
