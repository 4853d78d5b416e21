/** A call of DTM, whatever the protocol: what all of them have. */
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
  /** When DTM stops waiting, where the protocol tells: milliseconds from now. */
  readonly remaining?: number;
}

/**
 * What is answered. DTM tells four results apart: `success`, `failure` (of a query: roll the job back), `ongoing`
 * (ask again, after the same wait), and all the others, which it repeats after twice the wait.
 */
export type CallbackAnswer = 'success' | 'failure' | 'ongoing' | 'error' | 'unauthenticated' | 'invalid';

/** What a wire gid is made of. Two values of one metadata name arrive as one, with a comma between them. */
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
