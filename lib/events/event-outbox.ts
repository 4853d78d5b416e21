import type { Duration } from '../core/duration.js';
import type { DistributedJobFactory, JobCall } from '../core/jobs/distributed-job.factory.js';
import { refuseUnknown } from '../core/options.js';
import type { JobTransaction } from '../core/transactions/transaction-resolver.js';
import { InvalidStepArgumentsError } from '../errors/index.js';
import type { EventProblem } from './event-transport.js';
import type { EventTransports } from './event-transports.js';
import { checkPublishEvent } from './publish-event.arguments.js';
import { PUBLISH_EVENT, PublishEventStep } from './publish-event.step.js';

/**
 * Settings of one event.
 *
 * @publicApi
 */
export interface PublishOptions {
  /** The transaction that the event takes part in, as for `createJob()`. Default: the one around the call. */
  readonly transaction?: JobTransaction;
  /** An id of your own, which makes a second call with the same event do nothing. Default: a new one. */
  readonly id?: string;
  /** Headers that travel with the event. Default: none. */
  readonly headers?: Readonly<Record<string, string>>;
  /** How long the event waits after the commit. Default: 0. */
  readonly delay?: Duration;
}

/**
 * What `publish()` tells of an event.
 *
 * @publicApi
 */
export interface PublishedEvent {
  /** The id that travels with the event. */
  readonly id: string;
  /** The id of its job, which is the same. */
  readonly gid: string;
  /** False when the same event was there already. */
  readonly created: boolean;
}

/**
 * Publishes events if, and only if, the transaction around the call commits. An event is a job of one `PublishEventStep`: it is retried
 * until the transport has confirmed it, is seen in lists and in the dashboard, and can be retried by hand.
 *
 * Receivers may get an event more than once, always with the same id. Events are in no order.
 *
 * @publicApi
 */
export class EventOutbox {
  /** @internal Made by the module. */
  constructor(
    private readonly transports: EventTransports,
    private readonly jobs: () => DistributedJobFactory,
  ) {}

  /**
   * Stores an event in the transaction. It never waits for the broker.
   *
   * @param transport one of the names under `transports`.
   * @param pattern what receivers subscribe to: 1 to 255 characters, no control characters, no space at either end.
   * @param payload whatever `JSON.stringify()` makes of it.
   * @throws EventTransportNotFoundError for a name that is not under `transports`.
   * @throws InvalidStepArgumentsError for a payload that is null, undefined, or no JSON, for headers that are no texts, and for what the transport can
   * never publish.
   * @throws InvalidOptionError for an unknown option, InvalidGidError for an id that no job can have.
   * @throws what `DistributedJob.start()` throws.
   */
  async publish(
    transport: string,
    pattern: string,
    payload: unknown,
    options: PublishOptions = {},
  ): Promise<PublishedEvent> {
    refuseUnknown(options, 'publish', PUBLISH_OPTIONS);
    const { id, headers, transaction, delay } = options;
    const target = this.transports.require(transport);
    const args = { transport, pattern, payload: plain(payload), ...(headers && { headers }) };
    refuse(checkPublishEvent(args) ?? target.check?.({ headers: {}, ...args }));
    const job = this.jobs().createJobFor(PUBLISH, { name: pattern, gid: id, transaction, delay });
    const { gid, created } = await job.addStep(PublishEventStep, { ...args, id: job.gid }).start();
    return { id: gid, gid, created };
  }
}

const PUBLISH: JobCall = { callee: EventOutbox.prototype.publish, opening: 'publish(..., ' };
const PUBLISH_OPTIONS = ['transaction', 'id', 'headers', 'delay'];

function refuse(problem: EventProblem | undefined, cause?: unknown): void {
  if (problem) throw new InvalidStepArgumentsError(PUBLISH_EVENT, problem.path, problem.reason, { cause });
}

/** What JSON makes of a payload: dates are texts, `toJSON()` is called. */
function plain(payload: unknown): unknown {
  let text: string | undefined;
  try {
    text = JSON.stringify(payload) as string | undefined;
  } catch (cause) {
    refuse({ path: 'args.payload', reason: 'must be what JSON.stringify() can write.' }, cause);
  }
  return text === undefined ? undefined : (JSON.parse(text) as unknown);
}
