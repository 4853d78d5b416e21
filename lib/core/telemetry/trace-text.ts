/** A trace as it is handed on, in the two headers of W3C Trace Context. */
export interface TraceHeaders {
  readonly traceparent: string;
  /** At most `MAX_TRACESTATE_LENGTH` characters. */
  readonly tracestate?: string | undefined;
}

/** What everybody has to hand on, as W3C Trace Context says. */
export const MAX_TRACESTATE_LENGTH = 512;

const PARENT = /^(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/;
/** Printable ASCII: other characters do not travel in a header. */
const STATE = /^[\u0020-\u007e]+$/;

/** One text, as it is stored with a job: no `traceparent` has a space in it. */
export function traceText({ traceparent, tracestate }: TraceHeaders): string {
  return tracestate === undefined ? traceparent : `${traceparent} ${tracestate}`;
}

/** Reads what `traceText()` has written; undefined for anything else. */
export function traceHeadersOf(text: string): TraceHeaders | undefined {
  const end = text.indexOf(' ');
  return end === -1 ? checkedTrace(text) : checkedTrace(text.slice(0, end), text.slice(end + 1));
}

/** Two headers that arrived from anywhere; undefined where they name no trace. A state that cannot be is left out. */
export function checkedTrace(traceparent: unknown, tracestate?: unknown): TraceHeaders | undefined {
  if (typeof traceparent !== 'string' || !PARENT.test(traceparent)) return undefined;
  const isState =
    typeof tracestate === 'string' && tracestate.length <= MAX_TRACESTATE_LENGTH && STATE.test(tracestate);
  return isState ? { traceparent, tracestate } : { traceparent };
}

/** The id of a stored trace, 32 hexadecimal digits. */
export function traceIdOf(text: string): string | undefined {
  return PARENT.exec(traceHeadersOf(text)?.traceparent ?? '')?.[1];
}
