import type { ModuleRef } from '@nestjs/core';
import { EventTransportNotFoundError, InvalidOptionError } from '../errors/index.js';
import { errorText } from '../errors/error-text.js';
import { withoutUserInfo } from '../errors/printable.js';
import { LineLogger } from '../core/line-logger.js';
import { within } from '../core/within.js';
import type { ClientToken, ClientTransport, EventTransport } from './event-transport.js';
import type { ResolvedEventsOptions } from './events.options.js';

/** What a transport has to give back its own: a broker that is silent does not answer. */
const CLOSE_MS = 5000;

/** The transports of this process, by their names. */
export class EventTransports {
  private readonly logger = new LineLogger('EventTransports');
  private readonly given: ResolvedEventsOptions['transports'];
  private connected: ReadonlyMap<string, EventTransport> | undefined;

  constructor(
    { transports }: Pick<ResolvedEventsOptions, 'transports'>,
    private readonly moduleRef: ModuleRef,
  ) {
    this.given = transports;
  }

  /** The names under `transports`. */
  get names(): string[] {
    return [...this.given.keys()];
  }

  /** Finds the clients. Hooks of the application may publish before that of the module has run. No client is connected. */
  connect(): ReadonlyMap<string, EventTransport> {
    this.connected ??= new Map([...this.given].map(([name, given]) => [name, this.transport(name, given)]));
    return this.connected;
  }

  get(name: string): EventTransport | undefined {
    return this.connect().get(name);
  }

  /** @throws EventTransportNotFoundError for a name that is not under `transports`. */
  require(name: string): EventTransport {
    const transport = this.get(name);
    if (!transport) throw new EventTransportNotFoundError(name, this.names);
    return transport;
  }

  async close(): Promise<void> {
    await Promise.all([...(this.connected ?? [])].map(([name, transport]) => this.closeOne(name, transport)));
  }

  private async closeOne(name: string, transport: EventTransport): Promise<void> {
    try {
      await within(CLOSE_MS, Promise.resolve(transport.close?.()));
    } catch (error) {
      this.logger.warn(`The event transport '${name}' could not be closed: ${errorText(error)}`);
    }
  }

  private transport(name: string, given: EventTransport | ClientTransport): EventTransport {
    if (!('connect' in given)) return given;
    const place = `SteppingEventsModule.transports.${name}`;
    const client = this.client(`${place}.client`, given.client);
    try {
      return given.connect(client);
    } catch (error) {
      if (!(error instanceof InvalidOptionError)) throw error;
      throw new InvalidOptionError(`${place}.${error.option}`, error.value, error.expected);
    }
  }

  private client(place: string, token: ClientToken): unknown {
    const [client, ...others] = this.find(token);
    const name = typeof token === 'function' ? token.name : withoutUserInfo(String(token));
    if (client === undefined) {
      throw new InvalidOptionError(
        place,
        token,
        'the token of a client of the application',
        `There is no client '${name}' in the application, which '${place}' names. Add it: SteppingEventsModule.forRoot({ imports: ` +
          `[ClientsModule.register([{ name: ${name}, ... }])], ... }).`,
      );
    }
    if (others.length === 0) return client;
    throw new InvalidOptionError(
      place,
      token,
      'the token of one client',
      `There are ${others.length + 1} clients '${name}' in the application, and '${place}' may name any of them. Call ` +
        'ClientsModule.register() for it once, and import what it returned wherever the client is needed; or give them different names.',
    );
  }

  private find(token: ClientToken): readonly unknown[] {
    let found: unknown[];
    try {
      found = this.moduleRef.get<unknown>(token as string, { strict: false, each: true }) as unknown[];
    } catch (error) {
      // Nest exports no class of its errors; others say that the client is no singleton.
      if ((error as Error).constructor.name !== 'UnknownElementException') throw error;
      return [];
    }
    return [...new Set(found)].filter((each) => each != null);
  }
}
