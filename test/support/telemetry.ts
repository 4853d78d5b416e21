import { context, metrics, trace, type Attributes, type HrTime } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  type ReadableSpan,
  type Sampler,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { waitFor } from './wait-for.js';

export interface MetricPoint {
  readonly attributes: Attributes;
  readonly value: unknown;
}

/** The OpenTelemetry SDK of this process, with exporters that keep what they are given. */
export class Telemetry {
  private readonly exporter = new InMemorySpanExporter();
  private readonly points = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  private readonly reader = new PeriodicExportingMetricReader({
    exporter: this.points,
    // Nothing is exported before a test asks for it.
    exportIntervalMillis: 3_600_000,
  });

  private constructor(sampler: Sampler | undefined, processors: readonly SpanProcessor[]) {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    trace.setGlobalTracerProvider(
      new BasicTracerProvider({
        ...(sampler && { sampler }),
        spanProcessors: [...processors, new SimpleSpanProcessor(this.exporter)],
      }),
    );
    metrics.setGlobalMeterProvider(new MeterProvider({ readers: [this.reader] }));
  }

  static start({
    sampler,
    processors = [],
  }: { readonly sampler?: Sampler; readonly processors?: readonly SpanProcessor[] } = {}): Telemetry {
    return new Telemetry(sampler, processors);
  }

  /** Ended spans, in the order of their ends. */
  get spans(): ReadableSpan[] {
    return this.exporter.getFinishedSpans();
  }

  /** Those of one job. */
  of(gid: string): ReadableSpan[] {
    return this.spans.filter(({ attributes }) => attributes['messaging.message.id'] === gid);
  }

  /** Waits for so many spans of this name. A job has ended before those who look at its attempts are told. */
  async named(gid: string, name: string, count = 1): Promise<ReadableSpan[]> {
    const found = () => this.of(gid).filter((span) => span.name === name);
    await waitFor(() => found().length >= count, {
      message: () =>
        `${count} spans ${name}; there are ${this.of(gid)
          .map((span) => span.name)
          .join(', ')}`,
    });
    return found();
  }

  /** Those directly below a span. */
  below(parent: ReadableSpan): ReadableSpan[] {
    const { traceId, spanId } = parent.spanContext();
    return this.spans
      .filter((span) => span.spanContext().traceId === traceId && span.parentSpanContext?.spanId === spanId)
      .toSorted((left, right) => nanoseconds(left.startTime) - nanoseconds(right.startTime));
  }

  /** What one metric says at present. */
  async metric(name: string): Promise<MetricPoint[]> {
    await this.reader.forceFlush();
    // Without any instrument, nothing is exported.
    const { scopeMetrics = [] } = this.points.getMetrics().at(-1) ?? {};
    return scopeMetrics
      .flatMap((scope) => scope.metrics)
      .filter(({ descriptor }) => descriptor.name === name)
      .flatMap(({ dataPoints }): MetricPoint[] => dataPoints);
  }

  async stop(): Promise<void> {
    trace.disable();
    context.disable();
    metrics.disable();
    await this.reader.shutdown();
  }
}

function nanoseconds([seconds, rest]: HrTime): number {
  return seconds * 1e9 + rest;
}
