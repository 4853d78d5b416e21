import { Logger } from '@nestjs/common';
import type { StepRegistry } from '../../core/steps/step.registry.js';
import type { JobStore } from '../../store/job-store.js';

/** Long enough for another process to take such a job, which is how it should be. */
const OVERDUE_MS = 60_000;

/** Reports jobs that have been due for a while at a step that this process does not provide. They are kept. */
export class UnknownStepReporter {
  private readonly logger = new Logger(UnknownStepReporter.name);
  private readonly reported = new Set<string>();
  private running: Promise<void> | undefined;

  constructor(
    private readonly store: JobStore,
    private readonly registry: StepRegistry,
  ) {}

  run(): Promise<void> {
    this.running ??= this.report()
      .catch(() => undefined)
      .finally(() => (this.running = undefined));
    return this.running;
  }

  async stop(): Promise<void> {
    await this.running;
  }

  private async report(): Promise<void> {
    const unknown = await this.store.unknownSteps(this.registry.names(), OVERDUE_MS);
    for (const step of unknown) {
      if (this.reported.has(step)) continue;
      this.reported.add(step);
      this.logger.warn(
        `Jobs wait for the step '${step}', which this process does not provide, and no other process has taken ` +
          'them. They are kept: deploy a process that provides it, or give its new name the old one as an alias.',
      );
    }
  }
}
