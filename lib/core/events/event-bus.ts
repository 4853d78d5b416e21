import { channel, type Channel } from 'node:diagnostics_channel';
import { LineLogger } from '../line-logger.js';
import { errorText } from '../../errors/error-text.js';
import { detached } from '../detached.js';
import { WaitGroup } from '../wait-group.js';
import { within } from '../within.js';
import { STEPPING_EVENT_NAMES, type SteppingEventName, type SteppingEvents } from './stepping-events.js';

/** How many milliseconds a listener has, unless the transaction manager says otherwise. */
const GRACE_PERIOD_MS = 10_000;

/** Who is told of events. */
export interface EventListener {
  /** Where it was found, as `Class.method`. */
  readonly place: string;
  call(event: SteppingEvents[SteppingEventName]): unknown;
}

/** The listeners of one event. */
class Topic {
  readonly listeners: EventListener[] = [];
  readonly channel: Channel;

  constructor(name: SteppingEventName) {
    this.channel = channel(`stepping:${name}`);
  }
}

/**
 * Tells listeners, and the subscribers of `node:diagnostics_channel`, what happens to jobs in this process.
 *
 * Nothing of a job waits for them or fails with them. Ask `wants()` first where an event would be made for every job.
 */
export class SteppingEventBus {
  private readonly logger = new LineLogger('SteppingEvents');
  private readonly topics = Object.fromEntries(
    STEPPING_EVENT_NAMES.map((name) => [name, new Topic(name)]),
  ) as Record<SteppingEventName, Topic>;
  private readonly underWay = new WaitGroup();
  /** How many milliseconds a listener may take before that is logged and nobody waits for it any more. */
  gracePeriod = GRACE_PERIOD_MS;

  subscribe(name: SteppingEventName, listener: EventListener): void {
    this.topics[name].listeners.push(listener);
  }

  /** Whether anybody listens. */
  wants(name: SteppingEventName): boolean {
    const { listeners, channel: published } = this.topics[name];
    return listeners.length > 0 || published.hasSubscribers;
  }

  emit<K extends SteppingEventName>(event: SteppingEvents[K]): void {
    const { listeners, channel: published } = this.topics[event.event];
    if (published.hasSubscribers) published.publish(event);
    for (const listener of listeners)
      void detached(() => this.underWay.run(() => this.call(listener, event)));
  }

  /** Resolves when no listener is at work any more, or its time is over. */
  settled(): Promise<void> {
    return this.underWay.wait();
  }

  private async call(listener: EventListener, event: SteppingEvents[SteppingEventName]): Promise<void> {
    const { gracePeriod } = this;
    try {
      const settled = (async () => listener.call(event))().then(() => true);
      if (await within(gracePeriod, settled)) return;
      this.logger.error(
        `${listener.place} has not settled within ${gracePeriod} ms after ${event.event}; nobody waits for it.`,
      );
    } catch (error) {
      this.logger.error(`${listener.place} failed with the event ${event.event}: ${errorText(error)}`);
    }
  }
}
