import type { Readable } from 'node:stream';
import { CallbackBodies } from './callback-body.js';
import type { CallbackSignature } from './callback-signature.js';
import {
  isCallFor,
  isWireGid,
  type CallbackAnswer,
  type DtmCall,
  type DtmQueryCall,
  type Refusal,
} from './dtm-callback.js';
import { checkedTrace, traceText } from '../../core/telemetry/trace-text.js';
import type { DtmStepService } from './dtm-step.service.js';
import type { ResolvedDtmOptions } from './dtm.options.js';
import type { PreparedQueryService } from './prepared-query.service.js';
import { RefusalLog } from './refusal-log.js';
import { mayBeSigned } from './step-payload.js';

/** A message in which a payload travels. */
export interface Framing {
  /** How many bytes stand before the payload. */
  readonly length: number;
  /** The payload; undefined for a message that is none. */
  payloadOf(message: Buffer): Buffer | undefined;
}

/** A step that is called, before its payload has arrived. */
export interface ArrivingStep {
  readonly call: DtmCall;
  readonly source: Readable;
  /** What the protocol puts around a payload. */
  readonly framing?: Framing;
  /** Milliseconds until DTM stops waiting; only gRPC tells. */
  readonly remaining?: number;
  /** The header `traceparent`, and `tracestate`, as they arrived. */
  readonly trace?: readonly [traceparent: unknown, tracestate: unknown];
}

const REASONS: Readonly<Record<Refusal, string>> = {
  unauthenticated: 'its signature fits none of the secrets',
  invalid: 'it is no call of DTM for a two-phase message',
  refused: 'its transaction was rolled back',
  tooLarge: "it is larger than 'maxPayloadBytes'",
  late: 'its payload did not arrive in time',
  crowded: 'too many payloads are arriving',
};

/** What DTM calls, whatever the protocol. Answers anybody; a step runs, and a transaction is asked, only for signed calls. */
export class DtmCallbacks {
  private readonly bodies: CallbackBodies;
  private readonly refusals = new RefusalLog();

  constructor(
    { maxPayloadBytes }: ResolvedDtmOptions,
    private readonly queries: PreparedQueryService,
    private readonly steps: DtmStepService,
    private readonly signature: CallbackSignature,
  ) {
    this.bodies = new CallbackBodies({ maxBytes: maxPayloadBytes });
  }

  async query(call: DtmQueryCall): Promise<CallbackAnswer> {
    const answer = isCallFor('msg', call) ? await this.queries.answer(call) : 'invalid';
    return this.noted('A query-back', call, answer);
  }

  /** `gone`: there is nobody left to answer. */
  async step({
    call,
    source,
    framing,
    remaining,
    trace = [undefined, undefined],
  }: ArrivingStep): Promise<CallbackAnswer | 'gone'> {
    if (!isCallFor('action', call)) return this.noted('A step', call, 'invalid');
    const message = await this.bodies.read(
      source,
      framing?.length ?? 0,
      (head) => !this.signature.required || mayBeSigned(head),
    );
    if (message === 'gone') return message;
    if (typeof message === 'string') return this.noted('A step', call, message);
    const payload = framing ? framing.payloadOf(message) : message;
    const headers = checkedTrace(...trace);
    const answer = payload
      ? await this.steps.answer(call, payload, { remaining, ...(headers && { trace: traceText(headers) }) })
      : 'invalid';
    return this.noted('A step', call, answer);
  }

  /** Waits for no payload any longer, and for the steps that run as long as they may. */
  async stop(): Promise<void> {
    this.bodies.stop();
    await this.steps.stop();
    this.refusals.close();
  }

  private noted(what: string, { gid }: DtmCall, answer: CallbackAnswer): CallbackAnswer {
    if (!Object.hasOwn(REASONS, answer)) return answer;
    // Whatever else came for a gid is not repeated in the log.
    const job = isWireGid(gid) ? ` of job ${gid}` : '';
    this.refusals.add(`${what}${job} was refused: ${REASONS[answer as Refusal]}.`, answer === 'invalid');
    return answer;
  }
}
