import { InvalidOptionError } from '../errors/index.js';
import { problemOf, untilAborted } from './confirmation.js';
import type { ClientToken } from './event-transport.js';

/** The option `client` of transports. */
export function clientOption(token: unknown, option: string): ClientToken {
  const isToken =
    typeof token === 'symbol' || typeof token === 'function' || (typeof token === 'string' && token !== '');
  if (isToken) return token as ClientToken;
  throw new InvalidOptionError(
    option,
    token,
    'the token of a client, as in ClientsModule.register([{ name }])',
  );
}

/** What the transports need of a client of `@nestjs/microservices`, of NestJS 10 to 12. */
export interface NestClient {
  connect(): Promise<unknown>;
  close(): unknown;
  /** Since NestJS 11. It throws while there is no connection. */
  unwrap?(): unknown;
  /** Since NestJS 12: lets hooks see the packet. */
  createPacket?(pattern: string, data: unknown): object;
  readonly serializer: { serialize(packet: object): unknown };
  readonly options?: Readonly<Record<string, unknown>>;
}

/**
 * A client, once it is known to be of the right kind.
 *
 * @param method One that only the clients of the kind have: classes cannot be compared without their package.
 * @throws InvalidOptionError for anything else.
 */
export function clientOf<C extends NestClient>(client: unknown, method: string, expected: string): C {
  const given = client as Record<string, { serialize?: unknown } | undefined>;
  const isIt = ['connect', 'close', method].every((name) => typeof given[name] === 'function');
  if (isIt && typeof given['serializer']?.serialize === 'function') return client as C;
  throw new InvalidOptionError('client', client, expected);
}

/** What the client speaks to the broker with; undefined before it has connected. */
export function connectionOf<T>(client: NestClient, property: string): T | undefined {
  try {
    // NestJS 10 has the property alone.
    const connection = client.unwrap?.() ?? (client as unknown as Record<string, unknown>)[property];
    return (connection as T | null | undefined) ?? undefined;
  } catch {
    return undefined;
  }
}

/** Connects the client, or waits until it has. What it throws at once is a rejection as well. */
export async function connect(client: NestClient): Promise<void> {
  await client.connect();
}

/**
 * The connection of a client that makes it by itself.
 *
 * @param ready The connection of now, if there is one.
 */
export async function connected<T>(
  client: NestClient,
  broker: string,
  signal: AbortSignal,
  ready: () => T | undefined,
): Promise<T> {
  const now = ready();
  if (now) return now;
  // Its promise may be one of long ago: the connection is asked afterwards.
  const problem = await untilAborted(signal, connect(client)).catch(problemOf);
  signal.throwIfAborted();
  const connection = ready();
  if (connection) return connection;
  throw new Error(`${broker} is not connected${problem === undefined ? '' : `: ${problem}`}`);
}

/** An event as the servers of Nest read it for `@EventPattern()`. */
export async function serialized(client: NestClient, pattern: string, data: unknown): Promise<unknown> {
  const packet = client.createPacket?.(pattern, data) ?? { pattern, data };
  return client.serializer.serialize(packet);
}

/** A text of an option of the client. */
export function textOption(client: NestClient, name: string): string | undefined {
  const value = client.options?.[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** An option of the client that is an object of texts. */
export function textsOption(client: NestClient, name: string): Record<string, unknown> {
  return { ...(client.options?.[name] as Record<string, unknown> | undefined) };
}
