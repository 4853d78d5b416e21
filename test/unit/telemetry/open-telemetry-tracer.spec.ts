import {
  context,
  diag,
  DiagLogLevel,
  createTraceState,
  ROOT_CONTEXT,
  SpanStatusCode,
  trace,
  TraceFlags,
} from '@opentelemetry/api';
import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { StepStop } from '../../../lib/core/steps/step-context.js';
import type { KnownAttempt, StepOutcome } from '../../../lib/core/steps/step-attempt.js';
import { traceIdOf } from '../../../lib/core/telemetry/trace-text.js';
import { LeaseLostError, StepInterruptedError, StepTimeoutError } from '../../../lib/errors/index.js';
import { OpenTelemetryTracer } from '../../../lib/opentelemetry/open-telemetry.tracer.js';
import { readContext, storedContext } from '../../../lib/opentelemetry/span-contexts.js';
import { Telemetry } from '../../support/telemetry.js';

const IDS = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: TraceFlags.SAMPLED };

function attemptOf(stop: StepStop, stored?: string): KnownAttempt {
  const definition = {} as KnownAttempt['definition'];
  const place = { gid: 'g', stepName: 'ping', stepIndex: 0, attempt: 1 };
  return { ...place, definition, stop, readArgs: () => undefined, trace: stored };
}

describe('an attempt that was told to end', () => {
  let telemetry: Telemetry;
  beforeEach(() => {
    telemetry = Telemetry.start();
  });
  afterEach(() => telemetry.stop());

  it.each([
    [
      'lease_lost',
      new LeaseLostError('g'),
      { kind: 'interrupted', settled: false },
      'still_running',
      undefined,
    ],
    [
      'shutdown',
      new StepInterruptedError('shutdown'),
      { kind: 'interrupted', settled: true },
      'interrupted',
      undefined,
    ],
    ['shutdown', new StepInterruptedError('shutdown'), { kind: 'succeeded' }, 'succeeded', undefined],
    [
      'timeout',
      new StepTimeoutError('ping', 5),
      { kind: 'failed', error: new StepTimeoutError('ping', 5) },
      'failed',
      'StepTimeoutError',
    ],
    [
      'Odd',
      new (class Odd extends Error {})(),
      { kind: 'interrupted', settled: true },
      'interrupted',
      undefined,
    ],
  ] as [string, Error, StepOutcome, string, string | undefined][])(
    'tells why: %s',
    async (told, reason, outcome, asOutcome, errorType) => {
      const stop = new StepStop();
      const answer = await new OpenTelemetryTracer('link', undefined).aroundAttempt(
        attemptOf(stop),
        async () => {
          stop.request(reason);
          return outcome;
        },
      );
      expect(answer).toBe(outcome);
      const [span] = telemetry.spans;
      expect(span!.attributes).toMatchObject({ 'stepping.stop': told, 'stepping.outcome': asOutcome });
      expect(span!.attributes['error.type']).toBe(errorType);
      expect(span!.status.code).toBe(errorType ? SpanStatusCode.ERROR : SpanStatusCode.UNSET);
    },
  );

  it('is not told a stop that came after its end, which the SDK would warn of', async () => {
    const warned = vi.fn();
    diag.setLogger({ ...console, warn: warned, verbose: () => undefined }, DiagLogLevel.WARN);
    const stop = new StepStop();
    await new OpenTelemetryTracer('link', undefined).aroundAttempt(attemptOf(stop), async () => ({
      kind: 'succeeded' as const,
    }));
    stop.request(new LeaseLostError('g'));
    diag.disable();
    expect(warned).not.toHaveBeenCalled();
    expect(telemetry.spans[0]!.attributes).not.toHaveProperty('stepping.stop');
  });

  it('ends its span, and lets the error through, when it throws', async () => {
    const failing = new OpenTelemetryTracer('link', undefined).aroundAttempt(
      attemptOf(new StepStop()),
      async () => {
        throw new RangeError('no');
      },
    );
    await expect(failing).rejects.toThrow('no');
    expect(telemetry.spans[0]!.attributes).toMatchObject({ 'error.type': 'RangeError' });
  });
});

describe('an SDK that throws', () => {
  afterEach(() => {
    vi.restoreAllMocks();
    trace.disable();
    context.disable();
  });

  it.each(['before', 'after'])(
    'neither loses nor repeats an attempt or a start (%s the call)',
    async (when) => {
      const warn = vi.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
      const span = trace.wrapSpanContext(IDS);
      trace.setGlobalTracerProvider({
        getTracer: () => ({ startSpan: () => span, startActiveSpan: () => undefined as never }),
      });
      context.setGlobalContextManager({
        active: () => ROOT_CONTEXT,
        with: ((_context: unknown, work: () => unknown): never => {
          if (when === 'after') work();
          throw new Error('broken');
        }) as never,
        bind: (_context, target) => target,
        enable: () => context as never,
        disable: () => context as never,
      });
      const tracer = new OpenTelemetryTracer('link', undefined);
      let calls = 0;
      const outcome = await tracer.aroundAttempt(attemptOf(new StepStop()), async () => {
        calls += 1;
        return { kind: 'succeeded' as const };
      });
      const started = await tracer.aroundStart({ gid: 'g', steps: ['ping'] }, async (stored) => {
        calls += 1;
        return stored;
      });
      expect([outcome.kind, traceIdOf(started!), calls]).toEqual(['succeeded', IDS.traceId, 2]);
      // With every job it would be the same.
      expect(warn).toHaveBeenCalledTimes(1);
    },
  );
});

describe('what is stored of a span', () => {
  it('comes back, its state with it', () => {
    const stored = storedContext({ ...IDS, traceState: createTraceState('vendor=a,other=b') });
    expect(stored).toBe(`00-${IDS.traceId}-${IDS.spanId}-01 vendor=a,other=b`);
    const { traceState, ...read } = readContext(stored)!;
    expect(read).toEqual({ ...IDS, isRemote: true });
    expect(traceState!.serialize()).toBe('vendor=a,other=b');
    expect(readContext(storedContext({ ...IDS, traceFlags: TraceFlags.NONE }))).toMatchObject({
      traceFlags: 0,
    });
  });

  it('has at most 512 characters of its state: the entries that changed last', () => {
    let state = createTraceState();
    for (let at = 0; at < 8; at += 1) state = state.set(`v${at}`, 'x'.repeat(100));
    const [, stored] = storedContext({ ...IDS, traceState: state }).split(' ');
    expect(stored!.split(',').map((entry) => entry.split('=')[0])).toEqual(['v7', 'v6', 'v5', 'v4']);
    const whole = {
      ...IDS,
      traceState: { ...createTraceState(), serialize: () => 'x'.repeat(600) } as never,
    };
    expect(storedContext(whole)).toBe(`00-${IDS.traceId}-${IDS.spanId}-01`);
  });

  it.each([
    '',
    'no trace',
    `00-${'0'.repeat(32)}-${IDS.spanId}-01`,
    `00-${IDS.traceId}-${'0'.repeat(16)}-01`,
    `ff-${IDS.traceId}-${IDS.spanId}-01`,
    `00-${IDS.traceId.toUpperCase()}-${IDS.spanId}-01`,
    `00-${IDS.traceId}-${IDS.spanId}-01-more`,
  ])('is no trace where somebody else has written %j', (text) => {
    expect(readContext(text)).toBeUndefined();
  });

  it('leaves out a state that no header holds', () => {
    expect(readContext(`00-${IDS.traceId}-${IDS.spanId}-01 a=\u00e9`)).toEqual({ ...IDS, isRemote: true });
  });
});
