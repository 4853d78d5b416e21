import type { DatabaseLookup } from '../../core/transactions/transaction-context.js';
import { parseJson } from './wire-gid.js';
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { StoredStep } from '../../core/jobs/job-message.js';

/**
 * Signs what DTM sends back to the application, so that nobody else can call a step or ask about a transaction.
 *
 * A signature covers one job and the content of one call. Somebody who reads it in DTM's database, log or API can
 * only repeat that call. The secret never leaves the application.
 */
export class CallbackSignature {
  /**
   * @param secrets The first one signs, all of them are accepted. To rotate, put the new one first and remove the old
   * one when its jobs have ended. Without secrets nothing is signed and everything is accepted.
   */
  constructor(private readonly secrets: readonly string[]) {}

  get required(): boolean {
    return this.secrets.length > 0;
  }

  /** The signature of a text, or `undefined` without a secret. */
  sign(purpose: 'query' | 'step', parts: readonly string[]): string | undefined {
    const [secret] = this.secrets;
    return secret === undefined ? undefined : hmac(secret, purpose, parts);
  }

  /** Whether a signature fits one of the secrets, in constant time. */
  accepts(purpose: 'query' | 'step', parts: readonly string[], signature: unknown): boolean {
    if (!this.required) return true;
    const given = digest(typeof signature === 'string' ? signature : '');
    let accepted = false;
    for (const secret of this.secrets) {
      if (timingSafeEqual(digest(hmac(secret, purpose, parts)), given)) accepted = true;
    }
    return accepted;
  }
}

function hmac(secret: string, purpose: string, parts: readonly string[]): string {
  // As JSON, so that no two lists of parts are the same text.
  return createHmac('sha256', secret)
    .update(JSON.stringify([purpose, ...parts]))
    .digest('base64url');
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** What DTM hands back when it asks how a transaction ended. */
export interface PreparedQuery {
  /** Where the transaction is found; absent for a job outside any transaction, which counts as committed. */
  readonly database?: DatabaseLookup;
  /** Seconds that DTM waits for the answer. */
  readonly requestTimeout: number;
}

/** A prepared query as it is sent: URL-safe text and its signature. */
export interface QueryToken {
  readonly token: string;
  readonly signature: string | undefined;
}

/** Encodes and signs a query for the job of `wireGid`. In base64, since DTM's headers do not take every character. */
export function sealQuery(wireGid: string, query: PreparedQuery, signature: CallbackSignature): QueryToken {
  const token = Buffer.from(JSON.stringify(query)).toString('base64url');
  return { token, signature: signature.sign('query', [wireGid, token]) };
}

/** Decodes a token whose signature was checked; `undefined` for one that cannot be read. */
export function openQuery(token: string): PreparedQuery | undefined {
  const query = parseJson(Buffer.from(token, 'base64url').toString()) as PreparedQuery | undefined;
  if (typeof query?.requestTimeout !== 'number') return undefined;
  const { database } = query;
  const isDatabase =
    database === undefined ||
    (typeof database?.dataSource === 'string' && ['string', 'undefined'].includes(typeof database.tenant));
  return isDatabase ? query : undefined;
}

/** What DTM hands back when it calls a step. */
export interface StepPayload {
  readonly step: string;
  /** Plain JSON data; absent for a step without arguments. */
  readonly args?: unknown;
  /** Seconds that DTM waits for the answer. */
  readonly requestTimeout: number;
}

/** The payload of one step as JSON text, with its signature in it. */
export function sealStep(
  wireGid: string,
  branchId: string,
  { name, args }: StoredStep,
  requestTimeout: number,
  signature: CallbackSignature,
): string {
  const payload: StepPayload = {
    step: name,
    ...(args !== undefined && { args: JSON.parse(args) as unknown }),
    requestTimeout,
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
  const { step, requestTimeout, signature: given, ...rest } = value as Record<string, unknown>;
  if (typeof step !== 'string' || typeof requestTimeout !== 'number') return undefined;
  const payload: StepPayload = {
    step,
    ...(Object.hasOwn(rest, 'args') && { args: rest.args }),
    requestTimeout,
  };
  return { payload, authentic: signature.accepts('step', [wireGid, branchId, canonical(payload)], given) };
}

/**
 * The text that is signed. Between the two ends the payload may be parsed and written again (HTTP body
 * parsers do), which leaves `JSON.stringify(JSON.parse(...))` as it was.
 */
function canonical({ step, args, requestTimeout }: StepPayload): string {
  return JSON.stringify([step, requestTimeout, ...(args === undefined ? [] : [args])]);
}
