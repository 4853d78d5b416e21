/** What every call of DTM has, in either protocol. */
export interface DtmCall {
  /** The gid as DTM knows it. */
  readonly gid: unknown;
  readonly transType: unknown;
  readonly branchId: unknown;
  readonly op: unknown;
}

/** A call that is one for a two-phase message. */
export interface CheckedCall extends DtmCall {
  readonly gid: string;
  readonly branchId: string;
}

/** DTM asks how the transaction of a prepared job ended. */
export interface DtmQueryCall extends DtmCall {
  readonly token: unknown;
  readonly signature: unknown;
}

/** Why a call was not looked into any further. */
export type Refusal =
  | 'unauthenticated'
  | 'invalid'
  /** The transaction of the job was rolled back: no step of it runs. */
  | 'refused'
  /** More bytes than `maxPayloadBytes`. */
  | 'tooLarge'
  /** Its bytes did not come in time. */
  | 'late'
  /** Too many bytes of others are waiting for their ends. */
  | 'crowded';

/**
 * The answer to a call. DTM knows four: `success`, `failure` (of a query: roll the job back), `ongoing` (ask again
 * after the same wait), and anything else, which makes it ask again after twice the wait.
 */
export type CallbackAnswer = 'success' | 'failure' | 'ongoing' | 'error' | Refusal;

/** The characters of a wire gid. Two values of one metadata name arrive as one text with a comma. */
const GID = /^[0-9A-Za-z._:()!-]{1,128}$/;

/** Whether a value is a gid as DTM knows it. */
export function isWireGid(gid: unknown): gid is string {
  return typeof gid === 'string' && GID.test(gid);
}

/** A gid, a branch and an operation, each once, as DTM sends them for a two-phase message. */
export function isCallFor(op: 'msg' | 'action', call: DtmCall): call is CheckedCall {
  return (
    isWireGid(call.gid) &&
    call.transType === 'msg' &&
    call.op === op &&
    typeof call.branchId === 'string' &&
    (op === 'msg' ? call.branchId === '00' : /^\d{2,3}$/.test(call.branchId) && Number(call.branchId) > 0)
  );
}
