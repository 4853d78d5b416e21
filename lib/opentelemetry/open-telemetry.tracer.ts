import {
  context,
  isSpanContextValid,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Context,
  type Span,
} from '@opentelemetry/api';
import type { KnownAttempt, StepOutcome } from '../core/steps/step-attempt.js';
import type { JobTracer, TracedStart } from '../core/telemetry/job-telemetry.js';
import { errorClass } from '../errors/error-class.js';
import { propertyOf } from '../errors/error-text.js';
import { LeaseLostError, StepInterruptedError, StepTimeoutError } from '../errors/index.js';
import { ERROR_TYPE, spanAttributes } from './conventions.js';
import { Guarded } from './guarded.js';
import type { JobMetrics } from './job-metrics.js';
import { readContext, storedContext } from './span-contexts.js';

/** The instrumentation scope. */
export const SCOPE = 'nestjs-stepping';

/** Makes spans and metrics of jobs with the SDK that the application has started; without one, with nothing. */
export class OpenTelemetryTracer implements JobTracer {
  private readonly tracer = trace.getTracer(SCOPE);
  private readonly guarded = new Guarded();

  constructor(
    private readonly consumerSpan: 'link' | 'parent',
    private readonly metrics: JobMetrics | undefined,
  ) {}

  async aroundStart<T>(
    { gid, steps }: TracedStart,
    work: (trace: string | undefined) => Promise<T>,
  ): Promise<T> {
    const stepName = steps[0]!;
    const startedAt = performance.now();
    const span = this.guarded.try(() =>
      this.tracer.startSpan(`start ${stepName}`, {
        kind: SpanKind.PRODUCER,
        attributes: { ...spanAttributes('start', stepName, gid), 'stepping.steps': steps.length },
      }),
    );
    let errorType: string | undefined;
    try {
      const stored = span && this.guarded.try(() => this.toStore(span));
      return await this.within(
        span,
        () => context.active(),
        () => work(stored),
      );
    } catch (error) {
      errorType = classOf(error);
      throw error;
    } finally {
      this.end(span, errorType);
      this.guarded.try(() => this.metrics?.sent(stepName, secondsSince(startedAt), errorType));
    }
  }

  async aroundAttempt<T extends StepOutcome>(attempt: KnownAttempt, run: () => Promise<T>): Promise<T> {
    const { stepName, stop } = attempt;
    const startedAt = performance.now();
    const span = this.guarded.try(() => this.startProcess(attempt));
    let ended = false;
    stop.onRequest(() => {
      if (!ended) this.guarded.try(() => span?.setAttribute('stepping.stop', stopOf(stop.reason)));
    });
    let outcome: StepOutcome = { kind: 'failed', error: undefined };
    try {
      const answer = await this.within(span, () => ROOT_CONTEXT, run);
      outcome = answer;
      return answer;
    } catch (error) {
      outcome = { kind: 'failed', error };
      throw error;
    } finally {
      ended = true;
      const errorType = errorTypeOf(outcome);
      this.guarded.try(() => span?.setAttribute('stepping.outcome', toldOutcome(outcome)));
      this.end(span, errorType);
      this.guarded.try(() => this.metrics?.processed(stepName, secondsSince(startedAt), errorType));
    }
  }

  /** The context of whoever runs the attempt says nothing: it was set off by a timer, or by another job. */
  private startProcess({ stepName, gid, stepIndex, attempt, trace: stored }: KnownAttempt): Span {
    const starter = readContext(stored);
    const isParent = starter !== undefined && this.consumerSpan === 'parent';
    return this.tracer.startSpan(
      `process ${stepName}`,
      {
        kind: SpanKind.CONSUMER,
        attributes: {
          ...spanAttributes('process', stepName, gid),
          'stepping.step.index': stepIndex,
          'stepping.attempt': attempt,
        },
        ...(starter && !isParent && { links: [{ context: starter }] }),
      },
      isParent ? trace.setSpanContext(ROOT_CONTEXT, starter) : ROOT_CONTEXT,
    );
  }

  /** A link to a span that nobody has recorded leads nowhere. A child must know that its parent is not sampled. */
  private toStore(span: Span): string | undefined {
    const spanContext = span.spanContext();
    if (!isSpanContextValid(spanContext)) return undefined;
    const isSampled = (spanContext.traceFlags & TraceFlags.SAMPLED) !== 0;
    return isSampled || this.consumerSpan === 'parent' ? storedContext(spanContext) : undefined;
  }

  /** Calls `work` once and at once, whatever the manager of contexts does. */
  private within<T>(span: Span | undefined, base: () => Context, work: () => Promise<T>): Promise<T> {
    let running: Promise<T> | undefined;
    if (span) {
      this.guarded.try(() =>
        context.with(trace.setSpan(base(), span), () => {
          running = (async () => work())();
        }),
      );
    }
    return running ?? work();
  }

  private end(span: Span | undefined, errorType: string | undefined): void {
    this.guarded.try(() => {
      if (errorType === undefined) return;
      span?.setAttribute(ERROR_TYPE, errorType);
      span?.setStatus({ code: SpanStatusCode.ERROR });
    });
    this.guarded.try(() => span?.end());
  }
}

/** What has interrupted attempts says nothing about the step. */
function errorTypeOf(outcome: StepOutcome): string | undefined {
  if (outcome.kind !== 'failed' && outcome.kind !== 'unfit') return undefined;
  return isNotFinished(outcome) ? undefined : classOf(outcome.error);
}

function toldOutcome(outcome: StepOutcome): string {
  if (isNotFinished(outcome)) return 'not_finished';
  if (outcome.kind === 'interrupted' && !outcome.settled) return 'still_running';
  return outcome.kind;
}

/** A step at DTM that asks to be called again. By code: the error may be of another copy of the library. */
function isNotFinished(outcome: StepOutcome): boolean {
  return outcome.kind === 'failed' && propertyOf(outcome.error, 'code') === 'STEPPING_STEP_NOT_FINISHED';
}

function stopOf(reason: unknown): string {
  if (reason instanceof LeaseLostError) return 'lease_lost';
  if (reason instanceof StepTimeoutError) return 'timeout';
  if (reason instanceof StepInterruptedError) return 'shutdown';
  return classOf(reason);
}

function secondsSince(startedAt: number): number {
  return (performance.now() - startedAt) / 1000;
}

/** What OpenTelemetry's conventions call anything without a class. */
function classOf(thrown: unknown): string {
  return errorClass(thrown) ?? '_OTHER';
}
