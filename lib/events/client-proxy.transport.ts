import { lastValueFrom, type Observable } from 'rxjs';
import { InvalidOptionError } from '../errors/index.js';
import { checkedOption, isRecord, readOptions } from '../core/options.js';
import { untilAborted } from './confirmation.js';
import type {
  ClientToken,
  ClientTransport,
  EventMessage,
  EventProblem,
  EventTransport,
} from './event-transport.js';
import { MESSAGE_ID } from './message-id.js';
import { clientOption } from './nest-client.js';

/**
 * Settings of `clientProxyTransport()`.
 *
 * @publicApi
 */
export interface ClientProxyTransportOptions {
  /**
   * The property of the payload that the id is put into. The payload must then be an object. Default: the id does not travel, except on Kafka, where it
   * always is the header `message-id`.
   */
  readonly idProperty?: string;
}

/**
 * Publishes events with the `emit()` of any `ClientProxy`: Redis, Kafka, TCP. That does not tell whether an event has arrived, so some may be lost although they
 * count as published. There are no headers, except on Kafka.
 *
 * @param client the token of the client.
 * @throws InvalidOptionError for options that cannot be.
 * @publicApi
 */
export function clientProxyTransport(
  client: ClientToken,
  options: ClientProxyTransportOptions = {},
): ClientTransport {
  const { idProperty } = readOptions(options, 'clientProxyTransport', OPTIONS);
  return {
    client: clientOption(client, 'clientProxyTransport'),
    connect: (given) => {
      if (typeof (given as Partial<Emitter>).emit === 'function') {
        return new ClientProxyTransport(given as Emitter, idProperty, isKafka(given));
      }
      throw new InvalidOptionError('client', given, 'a ClientProxy of @nestjs/microservices');
    },
  };
}

const OPTIONS = {
  idProperty: checkedOption<string>(
    (value) => typeof value === 'string' && value !== '',
    'the name of a property',
  ),
};

interface Emitter {
  emit(pattern: string, data: unknown): Observable<unknown>;
}

/** Only the client of Kafka has the method: classes cannot be compared without their package. */
function isKafka(client: unknown): boolean {
  return typeof (client as { commitOffsets?: unknown }).commitOffsets === 'function';
}

class ClientProxyTransport implements EventTransport {
  readonly confirms = 'nothing';

  constructor(
    private readonly client: Emitter,
    private readonly idProperty: string | undefined,
    private readonly isKafka: boolean,
  ) {}

  check({ payload, headers }: Pick<EventMessage, 'payload' | 'headers'>): EventProblem | undefined {
    if (!this.isKafka && Object.keys(headers).length > 0) {
      return { path: 'args.headers', reason: 'must be left out: emit() sends none.' };
    }
    const { idProperty } = this;
    if (idProperty === undefined) return undefined;
    if (!isRecord(payload))
      return { path: 'args.payload', reason: `must be an object, which '${idProperty}' is put into.` };
    if (!Object.hasOwn(payload, idProperty)) return undefined;
    return {
      path: 'args.payload',
      reason: `must have no '${idProperty}': the id of the event is put there.`,
    };
  }

  async publish(event: EventMessage): Promise<void> {
    const emitted = this.client.emit(event.pattern, this.dataOf(event));
    await untilAborted(event.signal, lastValueFrom(emitted, { defaultValue: undefined }));
  }

  private dataOf({ id, payload, headers }: EventMessage): unknown {
    const { idProperty } = this;
    const value = idProperty === undefined ? payload : { ...(payload as object), [idProperty]: id };
    // Always a record: Nest takes a payload that has a `key` or a `value` for one, and drops the rest of it.
    return this.isKafka ? { value, headers: { ...headers, [MESSAGE_ID]: id } } : value;
  }
}
