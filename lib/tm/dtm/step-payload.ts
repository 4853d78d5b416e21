import type { StoredStep } from '../../core/jobs/job-message.js';
import type { CallbackSignature } from './callback-signature.js';

/** What DTM hands back when it calls a step. */
export interface StepPayload {
  readonly step: string;
  /** Plain JSON data; absent for a step without arguments. */
  readonly args?: unknown;
  /** Seconds that DTM waits for the answer. */
  readonly requestTimeout: number;
  /** The tenant of a job whose gid is the caller's own. */
  readonly tenant?: string;
}

/** The payload of one step as JSON text, with its signature in it. */
export function sealStep(
  wireGid: string,
  branchId: string,
  { name, args }: StoredStep,
  { requestTimeout, tenant }: Pick<StepPayload, 'requestTimeout' | 'tenant'>,
  signature: CallbackSignature,
): string {
  const payload: StepPayload = {
    step: name,
    ...(args !== undefined && { args: JSON.parse(args) as unknown }),
    requestTimeout,
    ...(tenant !== undefined && { tenant }),
  };
  const signed = signature.sign('step', [wireGid, branchId, canonical(payload)]);
  return JSON.stringify(signed === undefined ? payload : { ...payload, signature: signed });
}

/** A payload as it came, and whether it is the one that was signed for this job and branch. */
export function openStep(
  wireGid: string,
  branchId: string,
  value: unknown,
  signature: CallbackSignature,
): { readonly payload: StepPayload; readonly authentic: boolean } | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { step, requestTimeout, tenant, signature: given, ...rest } = value as Record<string, unknown>;
  if (typeof step !== 'string' || typeof requestTimeout !== 'number') return undefined;
  if (tenant !== undefined && typeof tenant !== 'string') return undefined;
  const payload: StepPayload = {
    step,
    ...(Object.hasOwn(rest, 'args') && { args: rest.args }),
    requestTimeout,
    ...(tenant !== undefined && { tenant }),
  };
  return { payload, authentic: signature.accepts('step', [wireGid, branchId, canonical(payload)], given) };
}

/**
 * The text that is signed. Between the two ends the payload may be parsed and written again (HTTP body
 * parsers do), which leaves `JSON.stringify(JSON.parse(...))` as it was.
 */
function canonical({ step, args, requestTimeout, tenant }: StepPayload): string {
  const place = tenant === undefined ? requestTimeout : { requestTimeout, tenant };
  return JSON.stringify([step, place, ...(args === undefined ? [] : [args])]);
}
