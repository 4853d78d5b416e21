import { InvalidOptionError } from '../../errors/index.js';
import { STEPPING_EVENT_NAMES, type SteppingEventName, type SteppingEvents } from './stepping-events.js';

const EVENTS = Symbol.for('nestjs-stepping.events');

/**
 * What `@OnSteppingEvent()` returns: a decorator of methods that take the event.
 *
 * @publicApi
 */
export type SteppingEventDecorator<K extends SteppingEventName> = <
  T extends (event: SteppingEvents[K]) => unknown,
>(
  prototype: object,
  method: string | symbol,
  descriptor: TypedPropertyDescriptor<T>,
) => void;

/**
 * Calls a method of a provider or controller for each of these events that happens in this process.
 *
 * Nobody waits for the method, and calls are in no order. What it throws is logged. An event is lost with its process: what must surely
 * follow is a step of the job. Of a provider that is not a singleton, each event makes an instance of its own.
 *
 * @throws InvalidOptionError for a name that is no event.
 * @publicApi
 */
export function OnSteppingEvent<K extends SteppingEventName>(
  ...events: [K, ...K[]]
): SteppingEventDecorator<K> {
  for (const event of events as readonly string[]) {
    if (STEPPING_EVENT_NAMES.includes(event as SteppingEventName)) continue;
    throw new InvalidOptionError('@OnSteppingEvent', event, `one of ${STEPPING_EVENT_NAMES.join(', ')}`);
  }
  return (_prototype, _method, { value }) => {
    Reflect.defineMetadata(EVENTS, [...eventsOf(value), ...events], value!);
  };
}

/** The events that a method is decorated with. */
export function eventsOf(method: unknown): readonly SteppingEventName[] {
  if (typeof method !== 'function') return [];
  return (Reflect.getOwnMetadata(EVENTS, method) as SteppingEventName[] | undefined) ?? [];
}
