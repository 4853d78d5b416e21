import { isUtf8 } from 'node:buffer';
import { propertyOf } from '../errors/error-text.js';

/** The header of the id, on every broker that has headers. */
export const MESSAGE_ID = 'message-id';

/**
 * The id of a received message, from the context of its handler (`@Ctx()`): an `RmqContext`, `NatsContext`, `MqttContext` or `KafkaContext`. It
 * is the one that the event was published with, at every delivery. On Kafka, a message without the header `message-id` has `topic:partition:offset`,
 * which is the same at each delivery of the message, and another one when its sender sends it again.
 *
 * Undefined for a message without an id, and for other contexts: Redis and TCP have no headers. There the id is in the payload, where
 * `clientProxyTransport()` was told to put it (`idProperty`).
 *
 * @publicApi
 */
export function messageIdOf(context: unknown): string | undefined {
  if (has(context, 'getChannelRef')) return ofRmq(call(context, 'getMessage'));
  if (has(context, 'getSubject')) return ofNats(call(context, 'getHeaders'));
  if (has(context, 'getPacket')) return ofMqtt(call(context, 'getPacket'));
  if (has(context, 'getPartition')) return ofKafka(context);
  return undefined;
}

function ofRmq(message: unknown): string | undefined {
  const properties = propertyOf(message, 'properties');
  return (
    textOf(propertyOf(properties, 'messageId')) ??
    textOf(propertyOf(propertyOf(properties, 'headers'), MESSAGE_ID))
  );
}

function ofNats(headers: unknown): string | undefined {
  return has(headers, 'get') ? textOf(headers['get']!(MESSAGE_ID)) : undefined;
}

function ofMqtt(packet: unknown): string | undefined {
  return textOf(propertyOf(propertyOf(propertyOf(packet, 'properties'), 'userProperties'), MESSAGE_ID));
}

function ofKafka(context: Context): string | undefined {
  const message = call(context, 'getMessage');
  const given = textOf(propertyOf(propertyOf(message, 'headers'), MESSAGE_ID));
  if (given !== undefined) return given;
  const place = [call(context, 'getTopic'), call(context, 'getPartition'), propertyOf(message, 'offset')];
  return place.some((part) => part == null) ? undefined : place.join(':');
}

type Context = Readonly<Record<string, (...args: unknown[]) => unknown>>;

function has(context: unknown, method: string): context is Context {
  return typeof propertyOf(context, method) === 'function';
}

function call(context: Context, method: string): unknown {
  return has(context, method) ? context[method]!() : undefined;
}

/** Headers of Kafka are bytes, and a header may be there several times. Numbers and UUIDs in binary are no text: as one, several would be the same. */
function textOf(value: unknown): string | undefined {
  const first: unknown = Array.isArray(value) ? value[0] : value;
  const text = Buffer.isBuffer(first) ? first.toString(isUtf8(first) ? 'utf8' : 'hex') : first;
  return typeof text === 'string' && text !== '' ? text : undefined;
}
