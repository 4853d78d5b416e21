import type { SteppingEventBus } from '../../core/events/event-bus.js';
import { LineLogger } from '../../core/line-logger.js';
import type { StepRegistry } from '../../core/steps/step.registry.js';
import type { JobStore } from '../../store/job-store.js';
import { Housekeeping } from './housekeeping.js';

/** Until then another process may take such a job, which is how it should be. */
const OVERDUE_MS = 60_000;

/** Of a process that takes such jobs, in its intervals: it is not busy, or else it holds some of them. */
const PROMPT_INTERVALS = 3;

/** How often a new name is looked for promptly: its job may start later, and come to the step later. */
const PROMPT_CHECKS = 5;

export interface UnknownStepReporterOptions {
  /** Milliseconds; see `Housekeeping`. */
  readonly retention: number;
  /** Milliseconds; how often processes look for due jobs. */
  readonly recoveryInterval: number;
  readonly runSteps: boolean;
}

/**
 * Logs the names of steps that jobs have been waiting for and no process provides. The jobs are kept. A name that was given to
 * `addStep()` in this process may be misspelled: it is looked for within seconds, and also where no steps run.
 */
export class UnknownStepReporter extends Housekeeping {
  private readonly logger = new LineLogger(UnknownStepReporter.name);
  private readonly reported = new Set<string>();
  private readonly prompt: number;
  private noticed = 0;
  private checks = 0;
  private nextCheckAt = 0;

  constructor(
    private readonly store: JobStore,
    private readonly registry: StepRegistry,
    private readonly events: SteppingEventBus,
    private readonly options: UnknownStepReporterOptions,
    /** Names of steps that nobody takes jobs of for another reason. */
    private readonly paused: () => readonly string[] = () => [],
  ) {
    super(options.retention);
    this.prompt = PROMPT_INTERVALS * options.recoveryInterval;
  }

  override tick(): void {
    super.tick();
    const now = performance.now();
    const { size } = this.registry.foreign;
    if (size > this.noticed) {
      this.noticed = size;
      this.checks = PROMPT_CHECKS;
      this.nextCheckAt = now + this.prompt;
    }
    if (this.checks === 0 || now < this.nextCheckAt) return;
    this.checks -= 1;
    this.nextCheckAt = now + this.prompt;
    void this.run();
  }

  protected override async work(): Promise<void> {
    const { foreign } = this.registry;
    if (foreign.size > 0) await this.report(this.prompt, (step) => foreign.has(step));
    if (this.options.runSteps) await this.report(OVERDUE_MS, () => true);
  }

  /** The poller reports a store that is down. */
  protected override failed(): void {}

  private async report(overdue: number, concerns: (step: string) => boolean): Promise<void> {
    const known = [...new Set([...this.registry.names(), ...this.paused()])];
    for (const step of await this.store.unknownSteps(known, overdue)) {
      if (this.reported.has(step) || !concerns(step)) continue;
      this.reported.add(step);
      this.events.emit({ event: 'step.unknown', stepName: step });
      this.logger.warn(
        `Jobs wait for the step '${step}', which this process does not provide, and no other process has taken ` +
          'them. They are kept: deploy a process that provides it, give its new name the old one as an alias, or ' +
          'correct the name that addStep() is given.',
      );
    }
  }
}
