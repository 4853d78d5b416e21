import { Inject } from '@nestjs/common';
import { EventNotConfirmedError, EventTransportNotFoundError } from '../errors/index.js';
import type { StepContext, StepHandler } from '../core/steps/step-context.js';
import { defineStep } from '../core/steps/step.decorator.js';
import { notConfirmed } from './confirmation.js';
import { EventTransports } from './event-transports.js';
import { checkPublishEvent, type PublishEventArguments } from './publish-event.arguments.js';

/** The name that is stored with events. */
export const PUBLISH_EVENT = 'stepping.publish-event';

/**
 * Publishes an event, as a step of any job: `addStep(PublishEventStep, { transport, pattern, payload })`. It succeeds when the transport has confirmed
 * the event; until then it is repeated as its retry policy says. Its time-out is 30 s.
 *
 * The process that runs it needs the transport: without it, the attempt fails with `EventTransportNotFoundError`.
 *
 * A subclass with a name of its own (`@Step('publish-order-event')`) has its own retry policy and share of the slots, and the same time-out unless it
 * says otherwise.
 *
 * @publicApi
 */
export class PublishEventStep implements StepHandler<PublishEventArguments> {
  /** @internal Made by the module. */
  constructor(private readonly transports: EventTransports) {}

  async execute(args: PublishEventArguments, context: StepContext): Promise<void> {
    const { pattern, payload, headers = {}, id = context.idempotencyKey } = args;
    const transport = this.transports.get(args.transport);
    if (!transport) throw new EventTransportNotFoundError(args.transport, this.transports.names);
    const problem = transport.check?.({ pattern, payload, headers });
    if (problem)
      throw new EventNotConfirmedError(id, pattern, `${problem.path} ${problem.reason.replace(/\.$/, '')}`);
    const { signal } = context;
    try {
      await transport.publish({ id, pattern, payload, headers, signal });
    } catch (error) {
      signal.throwIfAborted();
      throw notConfirmed({ id, pattern }, error);
    }
  }
}

// Not @Step(): the arguments are checked without class-validator.
defineStep(PublishEventStep, { name: PUBLISH_EVENT, timeout: '30s' }, checkPublishEvent);
// A subclass without a constructor of its own gets them as well.
Inject(EventTransports)(PublishEventStep, undefined, 0);
