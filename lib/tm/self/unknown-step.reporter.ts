import { Logger } from '@nestjs/common';
import type { SteppingEventBus } from '../../core/events/event-bus.js';
import type { StepRegistry } from '../../core/steps/step.registry.js';
import type { JobStore } from '../../store/job-store.js';
import { Housekeeping } from './housekeeping.js';

/** Until then another process may take such a job, which is how it should be. */
const OVERDUE_MS = 60_000;

/** Logs the names of steps that jobs have been waiting for and no process provides. The jobs are kept. */
export class UnknownStepReporter extends Housekeeping {
  private readonly logger = new Logger(UnknownStepReporter.name);
  private readonly reported = new Set<string>();

  constructor(
    private readonly store: JobStore,
    private readonly registry: StepRegistry,
    private readonly events: SteppingEventBus,
    retention: number,
  ) {
    super(retention);
  }

  protected override async work(): Promise<void> {
    for (const step of await this.store.unknownSteps(this.registry.names(), OVERDUE_MS)) {
      if (this.reported.has(step)) continue;
      this.reported.add(step);
      this.events.emit({ event: 'step.unknown', stepName: step });
      this.logger.warn(
        `Jobs wait for the step '${step}', which this process does not provide, and no other process has taken ` +
          'them. They are kept: deploy a process that provides it, or give its new name the old one as an alias.',
      );
    }
  }

  /** The poller reports a store that is down. */
  protected override failed(): void {}
}
