import { Inject, Module, Optional, type DynamicModule, type OnModuleInit } from '@nestjs/common';
import { ModuleRef, ModulesContainer } from '@nestjs/core';
import { assertHasSettings } from '../core/imported-once.js';
import { DistributedJobFactory } from '../core/jobs/distributed-job.factory.js';
import { ofSteppingModule } from '../core/of-stepping-module.js';
import { booleanOption, checkedOption, readOptions, type OptionsOf } from '../core/options.js';
import { telemetryOf } from '../core/telemetry/job-telemetry.js';
import { JobMetrics } from './job-metrics.js';
import { OpenTelemetryTracer, SCOPE } from './open-telemetry.tracer.js';

/**
 * Settings of `SteppingTelemetryModule`.
 *
 * @publicApi
 */
export interface SteppingTelemetryOptions {
  /**
   * How an attempt of a step belongs to the trace in which its job was started. `'link'`: it is a trace of its own with a link there,
   * so that no trace goes on for as long as a job is retried. `'parent'`: it is a child of the span of the start, in the same trace.
   * Default: `'link'`.
   */
  readonly consumerSpan?: 'link' | 'parent';
  /** Whether metrics are recorded as well. Default: `true`. */
  readonly metrics?: boolean;
}

const OPTIONS = {
  consumerSpan: checkedOption<'link' | 'parent', 'link'>(
    (value) => value === 'link' || value === 'parent',
    "'link' or 'parent'",
    'link',
  ),
  metrics: booleanOption(true),
};

const TELEMETRY_OPTIONS = Symbol('TELEMETRY_OPTIONS');

/**
 * Spans and metrics of jobs, by the OpenTelemetry SDK that the application has started: import it beside `SteppingModule`, in any
 * module.
 *
 * @publicApi
 */
@Module({})
export class SteppingTelemetryModule implements OnModuleInit {
  /** @internal Made by Nest. */
  constructor(
    modules: ModulesContainer,
    private readonly moduleRef: ModuleRef,
    @Optional() @Inject(TELEMETRY_OPTIONS) options: OptionsOf<typeof OPTIONS>,
  ) {
    assertHasSettings(options, 'SteppingTelemetryModule');
    const { consumerSpan, metrics } = options;
    const recorded = metrics ? new JobMetrics(SCOPE) : undefined;
    telemetryOf(modules).tracer = new OpenTelemetryTracer(consumerSpan, recorded);
  }

  /**
   * The module with its settings.
   *
   * @throws InvalidOptionError for settings that cannot be.
   */
  static forRoot(options: SteppingTelemetryOptions = {}): DynamicModule {
    const useValue = readOptions(options, 'SteppingTelemetryModule', OPTIONS);
    return { module: SteppingTelemetryModule, providers: [{ provide: TELEMETRY_OPTIONS, useValue }] };
  }

  /** Called by Nest: without jobs there is nothing to trace. */
  onModuleInit(): void {
    ofSteppingModule(this.moduleRef, DistributedJobFactory, 'SteppingTelemetryModule');
  }
}
