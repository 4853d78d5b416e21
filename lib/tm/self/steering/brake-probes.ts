import { detached } from '../../../core/detached.js';
import { LineLogger } from '../../../core/line-logger.js';
import type { ResolvedBrakeOptions } from '../../../core/operations/brake-options.js';
import { WaitGroup } from '../../../core/wait-group.js';
import { errorText } from '../../../errors/error-text.js';
import type { Control, ControlStore } from '../../../store/control-store.js';
import { stepEntry, type AuditStore } from '../../../store/steering/audit-store.js';
import type { LeasedJob } from '../leased-job.js';
import { brakeStateOf, brakeValues, isBraking, type BrakeState } from './brake-state.js';
import { noteInAudit } from './note-in-audit.js';
import type { StepControls } from './step-controls.js';

/** When nobody has said that the probe goes on, its process has died. */
const PROBE_MS = 30_000;
/** How often a probe is tried while there is no job for it, or no slot. */
const TRY_EVERY_MS = 1000;

/** Makes one attempt of a paused step. */
export interface ProbeRunner {
  /** Claims one due job of these steps; undefined when there is none, or no slot for it. */
  claim(steps: readonly string[]): Promise<LeasedJob | undefined>;
  /** Runs it, although its step is paused. */
  run(job: LeasedJob): Promise<void>;
  /** Hands it back. */
  giveBack(job: LeasedJob): Promise<void>;
}

interface Probe {
  readonly stepName: string;
  readonly target: string;
  readonly gid: string;
  readonly state: BrakeState;
  /** Of the control, as it was last written. */
  value: string;
  outcome: boolean | undefined;
  renewing: Promise<void>;
  timer: NodeJS.Timeout;
}

/**
 * Finds out whether a braked step works again: when its pause is over, one attempt of one job is made, in the process that is the first to
 * swap the control. It says from time to time that it is still at it. When it dies, another process takes the probe.
 */
export class BrakeProbes {
  private readonly logger = new LineLogger('SteppingBrake');
  private readonly probes = new Map<string, Probe | undefined>();
  private readonly timers = new Map<string, NodeJS.Timeout>();
  private readonly underWay = new WaitGroup();
  private stopped = false;

  constructor(
    private readonly store: ControlStore,
    private readonly audit: AuditStore,
    private readonly controls: StepControls,
    private readonly options: ResolvedBrakeOptions,
    private readonly runner: ProbeRunner,
    /** Tells other processes that the controls have changed. */
    private readonly notify: () => void,
  ) {}

  /** The controls were read. */
  seen(controls: readonly Control[]): void {
    for (const control of controls) {
      if (!isBraking(control) || control.endsIn! > 0) continue;
      const [stepName] = this.controls.namesOf(control.target) as [string];
      if (!this.timers.has(stepName)) this.try(stepName, control);
    }
  }

  /** An attempt has ended. True when it was the probe of a step. */
  ended(gid: string, succeeded: boolean): boolean {
    if (this.probes.size === 0) return false;
    for (const probe of this.probes.values()) {
      if (probe?.gid !== gid || probe.outcome !== undefined) continue;
      probe.outcome = succeeded;
      void detached(() => this.underWay.run(() => this.settle(probe)));
      return true;
    }
    return false;
  }

  async stop(): Promise<void> {
    this.stopped = true;
    for (const timer of this.timers.values()) clearTimeout(timer);
    for (const probe of this.probes.values()) clearInterval(probe?.timer);
    await this.underWay.wait();
  }

  private try(stepName: string, control: Control): void {
    if (this.probes.has(stepName) || this.stopped) return;
    this.probes.set(stepName, undefined);
    void detached(() => this.underWay.run(() => this.probe(stepName, control)))
      .catch((error: unknown) =>
        this.logger.warn(`No probe of the step '${stepName}' could be made: ${errorText(error)}`),
      )
      .finally(() => {
        this.probes.delete(stepName);
        this.tryLater(stepName);
      });
  }

  /** Asks the store again, which says whether a probe is due. */
  private tryLater(stepName: string): void {
    if (this.stopped || this.timers.has(stepName) || !this.controls.isPaused(stepName)) return;
    const again = () => {
      this.timers.delete(stepName);
      void this.controls.refresh();
    };
    this.timers.set(
      stepName,
      detached(() => setTimeout(again, TRY_EVERY_MS)),
    );
  }

  private async probe(stepName: string, control: Control): Promise<void> {
    if (this.controls.pauseOf(stepName)?.kind !== 'brake') return;
    const state = brakeStateOf(control)!;
    const job = await this.runner.claim(this.controls.namesOf(stepName));
    if (!job) return;
    const values = brakeValues({ ...state, state: 'probing' }, PROBE_MS);
    const { target } = control;
    let won = false;
    try {
      won = !this.stopped && (await this.store.replace('brake', target, control.value, values, false));
    } finally {
      if (!won) await this.runner.giveBack(job);
    }
    if (!won) return;
    const probe: Probe = {
      ...{ stepName, target, gid: job.gid, state, value: values.value, outcome: undefined },
      renewing: Promise.resolve(),
      timer: detached(() => setInterval(() => this.renew(probe), PROBE_MS / 3)),
    };
    this.probes.set(stepName, probe);
    try {
      await this.runner.run(job);
    } finally {
      clearInterval(probe.timer);
    }
    // Nothing came of it: interrupted, or arguments that do not fit.
    if (probe.outcome === undefined) await this.settle(probe);
  }

  private renew(probe: Probe): void {
    const values = brakeValues({ ...probe.state, state: 'probing' }, PROBE_MS);
    probe.renewing = probe.renewing
      .then(async () => {
        if (probe.outcome !== undefined) return;
        if (await this.store.replace('brake', probe.target, probe.value, values, false))
          probe.value = values.value;
      })
      .catch(() => undefined);
  }

  private async settle(probe: Probe): Promise<void> {
    clearInterval(probe.timer);
    await probe.renewing;
    const { state, outcome, target, stepName } = probe;
    const { max, within } = this.options;
    const pauseMs = outcome === false ? Math.min(max, state.pauseMs * 2) : state.pauseMs;
    const values =
      outcome === true
        ? brakeValues({ ...state, state: 'counting', attempts: 0, failed: 0 }, within)
        : brakeValues({ ...state, state: 'braked', pauseMs }, pauseMs);
    try {
      const changed = await this.store.replace('brake', target, probe.value, values, false);
      if (changed && outcome === true) {
        const entry = stepEntry('release', stepName, 'an attempt has succeeded');
        await noteInAudit(this.audit, entry, this.logger);
      }
    } catch (error) {
      // The probe is over in the eyes of all when its time is.
      this.logger.warn(
        `The end of the probe of the step '${stepName}' could not be stored: ${errorText(error)}`,
      );
    }
    await this.controls.refresh();
    this.notify();
  }
}
