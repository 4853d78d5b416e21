import { createTraceState, isSpanContextValid, TraceFlags, type SpanContext } from '@opentelemetry/api';
import { MAX_TRACESTATE_LENGTH, traceHeadersOf, traceText } from '../core/telemetry/trace-text.js';

/**
 * The span as it is stored with a job. Written here, not by the propagator of the application, which may speak another format than
 * the process that reads it.
 */
export function storedContext({ traceId, spanId, traceFlags, traceState }: SpanContext): string {
  const flags = (traceFlags & TraceFlags.SAMPLED).toString(16).padStart(2, '0');
  const tracestate = bounded(traceState?.serialize() ?? '');
  return traceText({ traceparent: `00-${traceId}-${spanId}-${flags}`, ...(tracestate && { tracestate }) });
}

/** The span that `storedContext()` has stored; undefined for anything else. */
export function readContext(text: string | undefined): SpanContext | undefined {
  const headers = text === undefined ? undefined : traceHeadersOf(text);
  if (!headers) return undefined;
  const { traceparent, tracestate } = headers;
  const [, traceId, spanId, flags] = traceparent.split('-') as [string, string, string, string];
  const context: SpanContext = {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16) & TraceFlags.SAMPLED,
    isRemote: true,
    ...(tracestate !== undefined && { traceState: createTraceState(tracestate) }),
  };
  return isSpanContextValid(context) ? context : undefined;
}

/** The entries that changed last stand first, so that those at the end are left out. */
function bounded(tracestate: string): string {
  let kept = tracestate;
  while (kept.length > MAX_TRACESTATE_LENGTH) kept = kept.slice(0, Math.max(0, kept.lastIndexOf(',')));
  return kept;
}
