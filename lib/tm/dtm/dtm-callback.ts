/** What every call of DTM has, in either protocol. */
export interface DtmCall {
  /** The gid as DTM knows it. */
  readonly gid: unknown;
  readonly transType: unknown;
  readonly branchId: unknown;
  readonly op: unknown;
}

/** DTM asks how the transaction of a prepared job ended. */
export interface DtmQueryCall extends DtmCall {
  readonly token: unknown;
  readonly signature: unknown;
}

/** DTM calls a step. */
export interface DtmStepCall extends DtmCall {
  /** The payload, parsed. */
  readonly payload: unknown;
  /** Milliseconds until DTM stops waiting; only gRPC tells. */
  readonly remaining?: number;
}

/**
 * The answer to a call. DTM knows four: `success`, `failure` (of a query: roll the job back), `ongoing` (ask again
 * after the same wait), and anything else, which makes it ask again after twice the wait.
 */
export type CallbackAnswer = 'success' | 'failure' | 'ongoing' | 'error' | 'unauthenticated' | 'invalid';

/** The characters of a wire gid. Two values of one metadata name arrive as one text with a comma. */
const GID = /^[0-9A-Za-z._:()!-]+$/;

/** A gid, a branch and an operation, each once, as DTM sends them for a two-phase message. */
export function isCallFor(
  op: 'msg' | 'action',
  call: DtmCall,
): call is DtmCall & { gid: string; branchId: string } {
  return (
    typeof call.gid === 'string' &&
    GID.test(call.gid) &&
    call.transType === 'msg' &&
    call.op === op &&
    typeof call.branchId === 'string' &&
    (op === 'msg' ? call.branchId === '00' : /^\d{2,3}$/.test(call.branchId) && call.branchId !== '00')
  );
}
