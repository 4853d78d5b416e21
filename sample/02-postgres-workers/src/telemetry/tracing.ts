import { context, SpanKind, trace, type HrTime } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  BasicTracerProvider,
  SimpleSpanProcessor,
  type ReadableSpan,
  type SpanExporter,
} from '@opentelemetry/sdk-trace-base';

/** A span that has ended, as a process of the depot tells it to the one that has started it. */
export interface ToldSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** The span above it; absent at the root of a trace. */
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: string;
  readonly pid: number;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly durationMs: number;
}

/**
 * Starts OpenTelemetry's SDK. A service exports its spans to a backend (`OTLPTraceExporter`), and starts the SDK with `node --import`, so that
 * instrumentations of other packages are in time. Here the spans go to the process that has started this one, if there is one.
 */
export function startTracing(): void {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(
    new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(new ParentProcessExporter())] }),
  );
}

class ParentProcessExporter implements SpanExporter {
  /** Code 0 is success. */
  export(spans: readonly ReadableSpan[], done: (result: { code: 0 | 1; error?: Error }) => void): void {
    if (!process.send) return done({ code: 0 });
    process.send({ spans: spans.map(told) }, undefined, undefined, (error) => {
      done(error ? { code: 1, error } : { code: 0 });
    });
  }

  shutdown(): Promise<void> {
    return Promise.resolve();
  }
}

function told(span: ReadableSpan): ToldSpan {
  const { traceId, spanId } = span.spanContext();
  return {
    traceId,
    spanId,
    ...(span.parentSpanContext && { parentSpanId: span.parentSpanContext.spanId }),
    name: span.name,
    kind: SpanKind[span.kind],
    pid: process.pid,
    startedAt: milliseconds(span.startTime),
    durationMs: milliseconds(span.duration),
  };
}

function milliseconds([seconds, nanoseconds]: HrTime): number {
  return seconds * 1000 + nanoseconds / 1e6;
}
