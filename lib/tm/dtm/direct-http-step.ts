import { HttpRequestStep } from '../../core/steps/http-request.step.js';
import { methodOf, type HttpRequestArguments } from '../../core/steps/http-request.arguments.js';
import type { StoredStep } from '../../core/jobs/job-message.js';
import { StepMetadataAccessor } from '../../core/steps/step-metadata.accessor.js';
import { DtmUnsupportedError } from './dtm.errors.js';

/** The name that jobs store for `HttpRequestStep`. */
export const HTTP_REQUEST_STEP = new StepMetadataAccessor().get(HttpRequestStep)!.name;

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
export function directHttpStep({ args }: StoredStep): DirectHttpStep {
  const request = JSON.parse(args!) as HttpRequestArguments;
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
  return { url: request.url, body: request.body === undefined ? '' : JSON.stringify(request.body) };
}
