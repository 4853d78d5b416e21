import { randomUUID } from 'node:crypto';
import type { JobMessage, StoredStep } from '../../core/jobs/job-message.js';
import type { DatabaseLookup } from '../../core/transactions/transaction-context.js';
import { branchIdOf } from '../../transactions/done-mark.js';
import { InvalidOptionError } from '../../errors/index.js';
import { callbackAddresses, type CallbackAddresses } from './callback-addresses.js';
import type { CallbackSignature } from './callback-signature.js';
import { sealQuery } from './query-token.js';
import { sealStep, type PayloadFrame } from './step-payload.js';
import { DtmJobSettings, type ResolvedDtmJobOptions } from './dtm-job.options.js';
import type { DtmCustomData, DtmRequest } from './dtm.client.js';
import { DtmLimitError, DtmUnsupportedError } from './dtm.errors.js';
import type { ResolvedDtmOptions } from './dtm.options.js';
import { toWireGid } from './wire-gid.js';
import type { ResolvedHttpOptions } from '../../core/http/http-options.js';
import { traceHeadersOf } from '../../core/telemetry/trace-text.js';
import { methodOf, type HttpRequestArguments } from '../../core/http/http-request.arguments.js';
import { HttpRequestStep } from '../../core/http/http-request.step.js';
import { isEncoded } from '../../core/payloads/stored-forms.js';
import { stepMetadataOf } from '../../core/steps/step.decorator.js';

/** The columns of DTM's SQL stores; a longer gid would be cut without a word by MySQL. */
const MAX_GID_LENGTH = 128;
const MAX_COLUMN_LENGTH = 1024;
/** What the gRPC server of DTM takes as one message; the HTTP API is held to the same. */
const MAX_REQUEST_BYTES = 4 * 1024 * 1024;
/** boltdb counts steps with three digits. */
const MAX_STEPS = 999;

/** Makes the requests for jobs. Refuses a job that DTM could not keep or deliver, before anything is sent. */
export class DtmRequestFactory {
  private readonly addresses: CallbackAddresses;

  constructor(
    private readonly settings: ResolvedDtmOptions,
    private readonly signature: CallbackSignature,
    private readonly application: { readonly http: ResolvedHttpOptions },
  ) {
    this.addresses = callbackAddresses(settings);
  }

  /**
   * @param database Where the transaction of the job is found; `undefined` outside any.
   * @throws DtmLimitError, DtmUnsupportedError, InvalidOptionError.
   */
  create(message: JobMessage, database: DatabaseLookup | undefined): DtmRequest {
    const options = this.optionsOf(message);
    const gid = toWireGid(message.gid);
    const { requestTimeout, queryPreparedAfter } = options;
    const frame = { time: Date.now(), ...(database && { database }), requestTimeout };
    // Nobody else has a gid that the library has made.
    const tenant = message.callerGid ? database?.tenant : undefined;
    const payloads = { ...frame, ...(tenant !== undefined && { tenant }) };
    const steps = message.steps.map((step, index) => this.encode(gid, step, index, options, payloads));
    const token = sealQuery(gid, { ...frame, queryPreparedAfter }, this.signature);
    const query = this.addresses.query(token);
    const request: DtmRequest = {
      gid,
      trans_type: 'msg',
      protocol: this.settings.protocol,
      steps: steps.map(({ action }) => ({ action })),
      payloads: steps.map(({ payload }) => payload),
      query_prepared: query.address,
      custom_data: customDataOf(message),
      wait_result: options.waitResult,
      timeout_to_fail: options.queryPreparedAfter,
      retry_interval: options.retryInterval,
      request_timeout: requestTimeout,
      branch_headers: { ...options.headers, ...query.headers },
    };
    return this.checked(message, withTrace(request, message.trace));
  }

  private checked(message: JobMessage, request: DtmRequest): DtmRequest {
    this.check(message.gid, request);
    return request;
  }

  private optionsOf({ settings, delay, steps }: JobMessage): ResolvedDtmJobOptions {
    const { protocol, job } = this.settings;
    if (settings !== undefined && !(settings instanceof DtmJobSettings)) {
      throw new InvalidOptionError('manager', settings, 'what dtmJob() returns');
    }
    const options = settings === undefined ? job : settings.over(job);
    if (options.waitResult && delay > 0) {
      throw new InvalidOptionError(
        'dtmJob.waitResult',
        true,
        'false for a job with a delay, which has no result yet',
      );
    }
    if (options.directHttpSteps && this.application.http.isSet) {
      throw new InvalidOptionError(
        'dtmJob.directHttpSteps',
        true,
        "left out where the option 'http' of the module is set: DTM would send the requests by itself, to wherever their URLs say",
      );
    }
    const direct = options.directHttpSteps && steps.some(({ name }) => name === HTTP_REQUEST_STEP);
    if (direct && protocol === 'grpc') {
      throw new DtmUnsupportedError(
        'A direct HttpRequestStep over gRPC',
        "The headers by which the callbacks are signed would go to its endpoint. Use the protocol 'http', or leave out 'directHttpSteps'.",
      );
    }
    return options;
  }

  private encode(
    gid: string,
    step: StoredStep,
    index: number,
    { directHttpSteps }: ResolvedDtmJobOptions,
    frame: PayloadFrame,
  ): { readonly action: string; readonly payload: string } {
    if (directHttpSteps && step.name === HTTP_REQUEST_STEP) {
      const { url, body } = directHttpStep(step);
      return { action: url, payload: body };
    }
    const payload = sealStep({ gid, branchId: branchIdOf(index) }, step, frame, this.signature);
    return { action: this.addresses.step, payload };
  }

  private check(gid: string, request: DtmRequest): void {
    const refuse = (what: string, size: number, limit: number, advice: string): void => {
      if (size > limit) throw new DtmLimitError(gid, what, size, limit, advice);
    };
    const refuseText = (what: string, text: string, advice: string): void =>
      refuse(`the characters of ${what}`, text.length, MAX_COLUMN_LENGTH, advice);
    const { steps, payloads } = request;
    refuse('the characters of its gid', request.gid.length, MAX_GID_LENGTH, 'Choose a shorter gid.');
    refuse('its steps', steps.length, MAX_STEPS, 'Split the job.');
    for (const address of [request.query_prepared, ...steps.map(({ action }) => action)]) {
      refuseText('an address', address, 'Choose shorter names or URLs.');
    }
    refuseText('its options and headers', storedOptions(request), "Set fewer or shorter 'headers'.");
    refuseText('its custom data', request.custom_data, 'Choose a shorter name.');
    let total = Buffer.byteLength(JSON.stringify({ ...request, payloads: [] }));
    for (const payload of payloads) {
      const bytes = Buffer.byteLength(payload);
      refuse('the bytes of one step', bytes, this.settings.maxPayloadBytes, PAYLOAD_ADVICE);
      total += bytes;
    }
    refuse('the bytes of the whole job', total, MAX_REQUEST_BYTES, PAYLOAD_ADVICE);
  }
}

const PAYLOAD_ADVICE =
  "Store large data elsewhere and pass its id; or raise 'maxPayloadBytes', if the server's store takes more.";

function customDataOf({ delay, name, callerGid }: JobMessage): string {
  const data: DtmCustomData = {
    // DTM waits whole seconds: rather too long than too short.
    ...(delay > 0 && { delay: Math.ceil(delay / 1000) }),
    ...(name !== null && { name }),
    ...(callerGid && { start: randomUUID() }),
  };
  return JSON.stringify(data);
}

/** The request with the headers of the trace, as far as DTM has room for them: no job fails because it is traced. */
function withTrace(request: DtmRequest, trace: string | undefined): DtmRequest {
  const headers = trace === undefined ? undefined : traceHeadersOf(trace);
  if (!headers) return request;
  const { traceparent, tracestate } = headers;
  const given = request.branch_headers;
  // What the application itself says is its own affair.
  if ('traceparent' in given) return request;
  const alone = { ...request, branch_headers: { ...given, traceparent } };
  const whole =
    tracestate === undefined ? alone : { ...alone, branch_headers: { ...alone.branch_headers, tracestate } };
  const fits = (candidate: DtmRequest): boolean => storedOptions(candidate).length <= MAX_COLUMN_LENGTH;
  return [whole, alone].find(fits) ?? request;
}

/** The options as DTM stores them, all of them in one column. */
function storedOptions(request: DtmRequest): string {
  const { wait_result, timeout_to_fail, request_timeout, retry_interval, branch_headers } = request;
  const unused = { concurrent: false, retry_limit: 0, retry_count: 0 };
  return JSON.stringify({
    wait_result,
    timeout_to_fail,
    request_timeout,
    retry_interval,
    branch_headers,
    ...unused,
  });
}

/** The name that jobs store for `HttpRequestStep`. */
export const HTTP_REQUEST_STEP = stepMetadataOf(HttpRequestStep)!.name;

/** A request that DTM sends by itself. */
export interface DirectHttpStep {
  readonly url: string;
  /** Empty for GET. */
  readonly body: string;
}

/**
 * The request that DTM is to send for an `HttpRequestStep`.
 *
 * @throws DtmUnsupportedError where DTM would send something else than the step says.
 */
export function directHttpStep({ args, overrides }: StoredStep): DirectHttpStep {
  const stored = JSON.parse(args!) as unknown;
  if (isEncoded(stored)) {
    throw new DtmUnsupportedError(
      "A direct HttpRequestStep with the option 'codec'",
      "DTM keeps what it is to send as plain text. Leave out 'directHttpSteps', so that this application sends it.",
    );
  }
  const request = stored as HttpRequestArguments;
  const method = methodOf(request);
  const refuse = (what: string): never => {
    throw new DtmUnsupportedError(
      `A direct HttpRequestStep with ${what}`,
      "DTM sends POST with a JSON body, or GET without one. Leave out 'directHttpSteps', so that this application sends it.",
    );
  };
  if (method !== 'GET' && method !== 'POST') refuse(`the method ${method}`);
  if (method === 'POST' && (request.body === undefined || request.body === ''))
    refuse('the method POST and no body');
  if (typeof request.body === 'string') refuse('a body that is text');
  if (Object.keys(request.headers ?? {}).length > 0) refuse('headers of its own');
  if (request.timeout !== undefined) refuse('a time-out of its own');
  if (request.redirect !== undefined) refuse('a rule for redirects');
  if (overrides !== undefined) refuse('overrides (the third argument of addStep)');
  return { url: request.url, body: request.body === undefined ? '' : JSON.stringify(request.body) };
}
