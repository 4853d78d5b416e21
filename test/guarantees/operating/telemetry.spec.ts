import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  ParentBasedSampler,
  SamplingDecision,
  type ReadableSpan,
  type Sampler,
} from '@opentelemetry/sdk-trace-base';
import { afterEach, expect, it } from 'vitest';
import { DistributedJobFactory, selfTm, Step, SteppingModule, type StepHandler } from '../../../lib/index.js';
import { SteppingTelemetryModule, type SteppingTelemetryOptions } from '../../../lib/opentelemetry/index.js';
import { dtmJob, DtmLimitError } from '../../../lib/tm/dtm/index.js';
import { TestApplication } from '../../support/application.js';
import { Databases, describeManagers, isAtDtm } from '../../support/placements.js';
import { Ping, WriteEffect } from '../../support/steps.js';
import { Telemetry } from '../../support/telemetry.js';

/** As in most code of applications, which set no name. */
class PaymentDeclined extends Error {}

@Step('start-another')
class StartAnother implements StepHandler {
  static started = '';
  constructor(private readonly jobs: DistributedJobFactory) {}
  async execute(): Promise<void> {
    StartAnother.started = (await this.jobs.createJob({ transaction: 'none' }).addStep(Ping).start()).gid;
  }
}

describeManagers(
  'traces of jobs',
  (backend, placement) => {
    let databases: Databases | undefined;
    let app: TestApplication | undefined;
    let telemetry: Telemetry | undefined;

    const start = async (
      options?: SteppingTelemetryOptions,
      sdk: Parameters<typeof Telemetry.start>[0] = {},
    ): Promise<[TestApplication, Telemetry]> => {
      telemetry = Telemetry.start(sdk);
      databases = await Databases.create(backend, placement);
      app = await TestApplication.start(databases, {
        providers: [StartAnother],
        imports: [SteppingTelemetryModule.forRoot(options)],
        dtm: { retryInterval: '1s' },
        module: { retry: { delay: 5, maxDelay: 5, jitter: false } },
      });
      return [app, telemetry];
    };
    afterEach(async () => {
      await app?.close();
      await telemetry?.stop();
      await databases?.drop();
      app = databases = telemetry = undefined;
    });

    /** Starts a job in a transaction, below a span of the application. */
    const request = (
      application: TestApplication,
      work: () => Promise<string>,
    ): Promise<[string, ReadableSpan]> =>
      trace
        .getTracer('application')
        .startActiveSpan('POST /orders', async (span): Promise<[string, ReadableSpan]> => {
          const gid = await application.dataSource.transaction(work);
          span.end();
          return [gid, telemetry!.spans.find(({ name }) => name === 'POST /orders')!];
        });

    const linksOf = (span: ReadableSpan | undefined) => span?.links.map(({ context }) => idsOf(context));

    it('link each attempt, a trace of its own, to the start, which is below the request', async () => {
      const [application, spans] = await start();
      const [gid, caller] = await request(application, async () => (await application.job().start()).gid);
      await application.ended(gid);
      const [sent] = await spans.named(gid, 'start reserve-stock');
      const [first] = await spans.named(gid, 'process reserve-stock');
      const [second] = await spans.named(gid, 'process send-email');

      expect(sent!.kind).toBe(SpanKind.PRODUCER);
      expect(sent!.parentSpanContext?.spanId).toBe(caller.spanContext().spanId);
      expect(sent!.spanContext().traceId).toBe(caller.spanContext().traceId);
      expect(sent!.attributes).toEqual({
        'messaging.system': 'stepping',
        'messaging.operation.name': 'start',
        'messaging.operation.type': 'send',
        'messaging.destination.name': 'reserve-stock',
        'messaging.message.id': gid,
        'stepping.steps': 2,
      });
      expect(second!.kind).toBe(SpanKind.CONSUMER);
      expect(second!.status.code).toBe(SpanStatusCode.UNSET);
      expect(second!.attributes).toEqual({
        'messaging.system': 'stepping',
        'messaging.operation.name': 'process',
        'messaging.operation.type': 'process',
        'messaging.destination.name': 'send-email',
        'messaging.message.id': gid,
        'stepping.step.index': 1,
        'stepping.attempt': 1,
        'stepping.outcome': 'succeeded',
      });
      for (const span of [first, second]) {
        expect(linksOf(span)).toEqual([idsOf(sent!.spanContext())]);
        expect(span!.parentSpanContext).toBeUndefined();
      }
      const traces = new Set([sent, first, second].map((span) => span!.spanContext().traceId));
      expect(traces.size).toBe(3);
      const known = placement.startsWith('dtm') ? undefined : sent!.spanContext().traceId;
      expect((await application.admin.find(gid))?.trace).toBe(known);
    });

    it("are one trace with 'parent'", async () => {
      const [application, spans] = await start({ consumerSpan: 'parent' });
      const [gid, caller] = await request(application, async () => (await application.job().start()).gid);
      await application.ended(gid);
      const [sent] = await spans.named(gid, 'start reserve-stock');
      const [second] = await spans.named(gid, 'process send-email');
      expect(second!.parentSpanContext?.spanId).toBe(sent!.spanContext().spanId);
      expect(second!.spanContext().traceId).toBe(caller.spanContext().traceId);
      expect(second!.links).toEqual([]);
    });

    it('tell what attempts failed with, and no text of it', async () => {
      const [application, spans] = await start();
      application.recording.onExecute = ({ attempt }) => {
        if (attempt === 1) throw new PaymentDeclined('card 4711');
      };
      const { gid } = await application.jobs.createJob({ transaction: 'none' }).addStep(Ping).start();
      await application.ended(gid);
      const [failed, succeeded] = await spans.named(gid, 'process ping', 2);
      expect(failed!.status).toEqual({ code: SpanStatusCode.ERROR });
      expect(failed!.attributes).toMatchObject({
        'error.type': 'PaymentDeclined',
        'stepping.outcome': 'failed',
        'stepping.attempt': 1,
      });
      expect(failed!.events).toEqual([]);
      expect(succeeded!.status.code).toBe(SpanStatusCode.UNSET);
      expect(succeeded!.attributes).toMatchObject({ 'stepping.attempt': 2, 'stepping.outcome': 'succeeded' });
      expect(
        JSON.stringify(spans.of(gid).map(({ attributes, status }) => [attributes, status])),
      ).not.toContain('4711');
      const [sent] = await spans.named(gid, 'start ping');
      for (const span of [failed, succeeded]) expect(linksOf(span)).toEqual([idsOf(sent!.spanContext())]);
    });

    it('have what a transactional step does, and a job that a step starts, below the step', async () => {
      const [application, spans] = await start();
      application.recording.onExecute = ({ step }) => {
        if (step === 'write-effect') trace.getTracer('application').startSpan('inner').end();
      };
      const { gid } = await application.jobs
        .createJob({ transaction: 'none' })
        .addStep(WriteEffect, { orderId: 'o' })
        .addStep(StartAnother)
        .start();
      await application.ended(gid);
      const [writing] = await spans.named(gid, 'process write-effect');
      const [starting] = await spans.named(gid, 'process start-another');
      expect(spans.below(writing!).map(({ name }) => name)).toContain('inner');

      await application.ended(StartAnother.started);
      const [sent] = await spans.named(StartAnother.started, 'start ping');
      const [pinged] = await spans.named(StartAnother.started, 'process ping');
      expect(sent!.parentSpanContext?.spanId).toBe(starting!.spanContext().spanId);
      expect(linksOf(pinged)).toEqual([idsOf(sent!.spanContext())]);
    });

    it('store nothing where the start is not sampled', async () => {
      const [application, spans] = await start({}, { sampler: sampledUnless('start ping') });
      const { gid } = await application.jobs.createJob({ transaction: 'none' }).addStep(Ping).start();
      await application.ended(gid);
      const [pinged] = await spans.named(gid, 'process ping');
      expect(pinged!.links).toEqual([]);
      expect(spans.of(gid)).toHaveLength(1);
      if (application.atDtm) return;
      const [row] = await databases!.store.query<{ trace: unknown }>('SELECT trace FROM stepping_jobs');
      expect(row!.trace).toBeNull();
      expect(await application.admin.find(gid)).not.toHaveProperty('trace');
    });

    it("hand on with 'parent' that the start is not sampled", async () => {
      const [application, spans] = await start(
        { consumerSpan: 'parent' },
        { sampler: sampledUnless('start ping') },
      );
      const { gid } = await application.jobs.createJob({ transaction: 'none' }).addStep(Ping).start();
      await application.ended(gid);
      // Its last span has ended when that of a later job has.
      const later = await application.jobs
        .createJob({ transaction: 'none' })
        .addStep(WriteEffect, { orderId: 'o' })
        .start();
      await application.ended(later.gid);
      await spans.named(later.gid, 'process write-effect');
      expect(spans.of(gid)).toEqual([]);
    });

    it('go on without a trace, and the jobs with them, when the SDK throws', async () => {
      const refuse = (): never => {
        throw new Error('exporter broken');
      };
      const broken = {
        onStart: refuse,
        onEnd: refuse,
        forceFlush: async () => undefined,
        shutdown: async () => undefined,
      };
      const [application] = await start({}, { processors: [broken] });
      const gid = await application.dataSource.transaction(async () => (await application.job().start()).gid);
      expect((await application.ended(gid)).status).toBe('succeeded');
      expect(application.recording.trace(gid)).toEqual(['reserve-stock#1', 'send-email#1']);
    });

    it('give way to the headers of the application, where DTM has no room', async ({ skip }) => {
      if (!isAtDtm(placement)) skip('DTM only');
      const [application, spans] = await start();
      const startWith = async (filler: number): Promise<string> => {
        const manager = dtmJob({ headers: { filler: 'x'.repeat(filler) } });
        try {
          return (await application.jobs.createJob({ transaction: 'none', manager }).addStep(Ping).start())
            .gid;
        } catch (error) {
          // The largest that DTM takes leaves no room for anything.
          if (error instanceof DtmLimitError) return startWith(filler - 1);
          throw error;
        }
      };
      const gid = await startWith(1000);
      await application.ended(gid);
      const [pinged] = await spans.named(gid, 'process ping');
      expect(pinged!.links).toEqual([]);
    });

    it('are counted, with names of steps and errors only', async () => {
      const [application, spans] = await start();
      application.recording.onExecute = ({ attempt }) => {
        if (attempt === 1) throw new PaymentDeclined('no');
      };
      const { gid } = await application.jobs.createJob({ transaction: 'none' }).addStep(Ping).start();
      await application.ended(gid);
      await spans.named(gid, 'process ping', 2);
      const common = { 'messaging.system': 'stepping', 'messaging.destination.name': 'ping' };
      const started = { ...common, 'messaging.operation.name': 'start' };
      const processed = { ...common, 'messaging.operation.name': 'process' };
      const failed = { ...processed, 'error.type': 'PaymentDeclined' };
      expect(await spans.metric('messaging.client.sent.messages')).toMatchObject([
        { attributes: started, value: 1 },
      ]);
      expect(await spans.metric('messaging.client.operation.duration')).toMatchObject([
        { attributes: started, value: { count: 1 } },
      ]);
      expect(await spans.metric('messaging.client.consumed.messages')).toMatchObject([
        { attributes: failed, value: 1 },
        { attributes: processed, value: 1 },
      ]);
      expect(await spans.metric('messaging.process.duration')).toMatchObject([
        { attributes: failed, value: { count: 1 } },
        { attributes: processed, value: { count: 1 } },
      ]);
    });

    it('are not counted without metrics', async () => {
      const [application, spans] = await start({ metrics: false });
      const { gid } = await application.jobs.createJob({ transaction: 'none' }).addStep(Ping).start();
      await application.ended(gid);
      await spans.named(gid, 'process ping');
      expect(await spans.metric('messaging.client.sent.messages')).toEqual([]);
      expect(await spans.metric('messaging.process.duration')).toEqual([]);
    });
  },
  { atDtm: ['postgres'] },
);

it('SteppingTelemetryModule needs SteppingModule', async () => {
  const testing = await Test.createTestingModule({ imports: [SteppingTelemetryModule.forRoot()] }).compile();
  await expect(testing.init()).rejects.toMatchObject({
    code: 'STEPPING_INVALID_OPTION',
    option: 'imports',
    message: expect.stringContaining(
      'SteppingTelemetryModule found no DistributedJobFactory: import SteppingModule',
    ),
  });
});

it('SteppingTelemetryModule finds a SteppingModule that is not global', async () => {
  const stepping = SteppingModule.forRoot({
    isGlobal: false,
    transactionManager: selfTm({ store: 'memory' }),
  });
  @Module({ imports: [stepping] })
  class Orders {}
  const imports = [SteppingTelemetryModule.forRoot(), Orders];
  const app = await (await Test.createTestingModule({ imports }).compile()).init();
  await app.close();
});

/** Samples what has no parent, unless it has this name, and what has one as that is. */
function sampledUnless(name: string): Sampler {
  return new ParentBasedSampler({
    root: {
      shouldSample: (_context, _traceId, spanName) => ({
        decision: spanName === name ? SamplingDecision.NOT_RECORD : SamplingDecision.RECORD_AND_SAMPLED,
      }),
      toString: () => `all but ${name}`,
    },
  });
}

function idsOf({ traceId, spanId }: { readonly traceId: string; readonly spanId: string }) {
  return { traceId, spanId };
}
