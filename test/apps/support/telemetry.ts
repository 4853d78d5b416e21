import { context, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { BasicTracerProvider, SimpleSpanProcessor, type ReadableSpan } from '@opentelemetry/sdk-trace-base';
import type { DynamicModule } from '@nestjs/common';
import { SteppingTelemetryModule, type SteppingTelemetryOptions } from 'nestjs-stepping/opentelemetry';
import { processName } from './steps.js';
import { tell } from './tell.js';

/** Starts the OpenTelemetry SDK of this process, which tells the test each span that has ended. */
export function traced(options: SteppingTelemetryOptions): DynamicModule {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(
    new BasicTracerProvider({
      spanProcessors: [
        new SimpleSpanProcessor({
          export: (spans, done) => {
            for (const span of spans) tell({ type: 'span', process: processName, ...factsOf(span) });
            done({ code: 0 });
          },
          shutdown: async () => undefined,
        }),
      ],
    }),
  );
  return SteppingTelemetryModule.forRoot(options);
}

function factsOf(span: ReadableSpan) {
  const { name, attributes, links, status, parentSpanContext } = span;
  const { traceId, spanId } = span.spanContext();
  return {
    name,
    traceId,
    spanId,
    parent: parentSpanContext?.spanId,
    links: links.map((link) => ({ traceId: link.context.traceId, spanId: link.context.spanId })),
    attributes,
    status: status.code,
  };
}
