import type { ModulesContainer } from '@nestjs/core';
import type { KnownAttempt, StepOutcome } from '../steps/step-attempt.js';

/** A job that is being started. */
export interface TracedStart {
  readonly gid: string;
  /** The names of its steps, in order. */
  readonly steps: readonly string[];
}

/**
 * Follows jobs from their start to the attempts of their steps.
 *
 * Each method calls the function that it is given once, before anything is awaited, and returns what that returns, whatever
 * becomes of the trace.
 */
export interface JobTracer {
  /** @param work is given what is to be stored with the job, as `traceText()` writes it. */
  aroundStart<T>(job: TracedStart, work: (trace: string | undefined) => Promise<T>): Promise<T>;
  aroundAttempt<T extends StepOutcome>(attempt: KnownAttempt, run: () => Promise<T>): Promise<T>;
}

/** Who follows the jobs of an application; nobody, unless it asks for it. */
export class JobTelemetry {
  tracer: JobTracer | undefined;
}

const telemetries = new WeakMap<ModulesContainer, JobTelemetry>();

/**
 * That of an application. A module can find it in its constructor, wherever it is imported: jobs may be started before any hook
 * of it has run.
 */
export function telemetryOf(modules: ModulesContainer): JobTelemetry {
  let telemetry = telemetries.get(modules);
  if (!telemetry) telemetries.set(modules, (telemetry = new JobTelemetry()));
  return telemetry;
}
