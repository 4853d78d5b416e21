import type { FactoryProvider, ModuleMetadata } from '@nestjs/common';
import { MAX_STORED_DURATION_MS, type Duration } from '../core/duration.js';
import { isName, NAME_RULE } from '../core/name.js';
import { checkedOption, durationOption, isRecord, readOptions, type OptionsOf } from '../core/options.js';
import { InvalidOptionError } from '../errors/index.js';
import type { ClientTransport, EventTransport } from './event-transport.js';

/**
 * Settings of `SteppingEventsModule`.
 *
 * @publicApi
 */
export interface SteppingEventsOptions {
  /**
   * The ways to brokers, by the names that `EventOutbox.publish()` is given. A name is stored with its events: change it only when
   * none of them waits. Default: none.
   */
  readonly transports?: Readonly<Record<string, EventTransport | ClientTransport>>;
  /** The name of the `DataSource` that keeps the marks of the inbox. Default: the application's default one. */
  readonly dataSource?: string;
  /**
   * How long a received message is remembered. Must be longer than any broker goes on to deliver it. Default: 30 days.
   */
  readonly inboxRetention?: Duration;
}

/**
 * `SteppingEventsOptions`, with the modules that the clients are in.
 *
 * @publicApi
 */
export interface SteppingEventsModuleOptions extends SteppingEventsOptions {
  /** Such as `ClientsModule.register([...])`. */
  readonly imports?: ModuleMetadata['imports'];
}

/**
 * Settings from a factory.
 *
 * @publicApi
 */
export interface SteppingEventsModuleAsyncOptions extends Pick<ModuleMetadata, 'imports'> {
  /** What the factory is given. */
  readonly inject?: FactoryProvider['inject'];
  /** Makes the settings. */
  readonly useFactory: (...dependencies: any[]) => SteppingEventsOptions | Promise<SteppingEventsOptions>;
}

/** Where the options are written, for errors. */
export const EVENTS_PLACE = 'SteppingEventsModule';

const CONFIRMS: readonly unknown[] = ['broker', 'server', 'nothing'] satisfies EventTransport['confirms'][];

const OPTIONS = {
  transports: (
    transports: unknown = {},
    option: string,
  ): ReadonlyMap<string, EventTransport | ClientTransport> => {
    if (!isRecord(transports)) {
      throw new InvalidOptionError(option, transports, 'an object of transports, by their names');
    }
    for (const [name, transport] of Object.entries(transports)) {
      if (!isName(name)) throw new InvalidOptionError(option, name, `names that are each ${NAME_RULE}`);
      if (isTransport(transport)) continue;
      const expected = 'what rmqTransport() and its like return, or an EventTransport of your own';
      throw new InvalidOptionError(`${option}.${name}`, transport, expected);
    }
    return new Map(Object.entries(transports) as [string, EventTransport | ClientTransport][]);
  },
  dataSource: checkedOption<string>(
    (value) => typeof value === 'string' && value !== '',
    'the name of a DataSource',
  ),
  inboxRetention: durationOption('30d', { min: 1000, max: MAX_STORED_DURATION_MS }),
};

/** The settings as the library uses them: complete, checked, in milliseconds. */
export type ResolvedEventsOptions = OptionsOf<typeof OPTIONS>;

/** @throws InvalidOptionError for an unknown option, or a value that cannot be used. */
export function resolveEventsOptions(options: SteppingEventsOptions = {}): ResolvedEventsOptions {
  return readOptions(options, EVENTS_PLACE, OPTIONS);
}

function isTransport(value: unknown): boolean {
  if (!isRecord(value)) return false;
  if ('connect' in value) return typeof value['connect'] === 'function' && 'client' in value;
  return typeof value['publish'] === 'function' && CONFIRMS.includes(value['confirms']);
}
