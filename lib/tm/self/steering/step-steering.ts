import type { BackgroundService } from '../../../core/background-service.js';
import type { SteppingEventBus } from '../../../core/events/event-bus.js';
import type { ResolvedBrakeOptions } from '../../../core/operations/brake-options.js';
import type { StepRegistry } from '../../../core/steps/step.registry.js';
import type { ControlStore } from '../../../store/control-store.js';
import type { AuditStore } from '../../../store/steering/audit-store.js';
import type { JobPoller } from '../job-poller.js';
import type { JobRunner } from '../job-runner.js';
import type { StepQueues } from '../step-queues.js';
import { Brake } from './brake.js';
import { BrakeProbes } from './brake-probes.js';
import { isBraking } from './brake-state.js';
import { StepControls } from './step-controls.js';
import { StepPauses } from './step-pauses.js';

export interface StepSteeringOptions {
  readonly brake: ResolvedBrakeOptions | false;
  readonly runSteps: boolean;
  /** How often the controls are read, in milliseconds. */
  readonly heartbeat: number;
  /** Whether everybody else waits for the caller, as inside a transaction of the store's only connection. */
  readonly holdsConnection: () => boolean;
  /** Tells other processes that the controls have changed. */
  readonly notify: () => void;
}

/** What obeys. */
export interface SteeredParts {
  readonly runner: JobRunner;
  readonly queues: StepQueues;
  readonly poller: JobPoller;
}

/** What steers all processes, as far as it concerns this one: paused steps, and the brake. */
export class StepSteering {
  readonly controls: StepControls;
  readonly pauses: StepPauses;
  readonly brake: Brake | undefined;
  private parts: SteeredParts | undefined;

  constructor(
    private readonly store: ControlStore,
    private readonly audit: AuditStore,
    private readonly registry: StepRegistry,
    private readonly events: SteppingEventBus,
    private readonly options: StepSteeringOptions,
  ) {
    this.controls = new StepControls(store, registry, events, options.heartbeat, options.holdsConnection);
    this.pauses = new StepPauses(store, audit, this.controls, options.notify);
    this.brake = options.brake === false ? undefined : this.brakeOf(options.brake);
  }

  /** Each may rely on those before it. */
  get services(): BackgroundService[] {
    return [this.controls, ...(this.brake ? [this.brake] : [])];
  }

  /** From now on, these obey. */
  steer(parts: SteeredParts): void {
    this.parts = parts;
    const { runner, queues, poller } = parts;
    const { brake, options, registry } = this;
    const pauses = options.brake !== false && options.brake.action === 'pause';
    this.controls.listen(
      {
        pause: (names) => runner.pause(names),
        resume: (names) => poller.resume(names),
      },
      brake && {
        isBraking: (control) => pauses && isBraking(control),
        released: (names) => {
          const own = names.filter((name) => registry.has(name));
          brake.released(own);
          queues.startSlowly(own);
        },
        seen: (controls) => brake.seen(controls),
      },
    );
  }

  /** Moves the times of the controls back. For tests. */
  async elapse(milliseconds: number): Promise<void> {
    await this.store.elapse(milliseconds);
  }

  private brakeOf(brake: ResolvedBrakeOptions): Brake {
    const { store, audit, controls, events, options } = this;
    const probes =
      brake.action === 'pause' && options.runSteps
        ? new BrakeProbes(
            store,
            audit,
            controls,
            brake,
            {
              claim: async (steps) =>
                this.parts?.runner.hasSlot === true ? this.parts.poller.claimOne(steps) : undefined,
              run: async (job) => this.parts?.runner.probe(job),
              giveBack: async (job) => this.parts?.runner.giveBack(job),
            },
            options.notify,
          )
        : undefined;
    const speedUp = (stepName: string) => this.parts?.queues.speedUp(stepName) ?? true;
    return new Brake(store, audit, controls, events, brake, { probes, speedUp, notify: options.notify });
  }
}
