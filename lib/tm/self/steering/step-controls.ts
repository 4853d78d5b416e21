import type { BackgroundService } from '../../../core/background-service.js';
import { detached } from '../../../core/detached.js';
import { MAX_TIMER_MS } from '../../../core/duration.js';
import type { SteppingEventBus } from '../../../core/events/event-bus.js';
import { LineLogger } from '../../../core/line-logger.js';
import type { StepPause } from '../../../core/operations/fleet-numbers.js';
import { SingleFlight } from '../../../core/single-flight.js';
import type { StepRegistry } from '../../../core/steps/step.registry.js';
import { errorText } from '../../../errors/error-text.js';
import type { Control, ControlStore } from '../../../store/control-store.js';
import { decodeValue } from './control-value.js';

/** How often every process looks at the controls, whatever it is told. */
export const HEARTBEAT_MS = 10_000;

/** Anybody who can connect to the database may send notifications: no more than one read in so many milliseconds follows. */
const NOTIFIED_READ_MS = 100;

/** For so long after a pause, nobody wonders why nobody has taken jobs of the step. */
const FAMILIAR_MS = 120_000;

/** What a pause of a step means to this process. */
interface KnownPause {
  /** The name of the step, or the one that was told where this process does not provide it. */
  readonly stepName: string;
  /** All names and aliases by which jobs may know the step. */
  readonly names: readonly string[];
  readonly control: Control;
}

/** The paused steps at one time. */
export interface PausedSteps {
  /** As `current()`. */
  readonly bySteps: ReadonlyMap<string, StepPause>;
  /** By all names and aliases: jobs know a step by the name that it had when they were started. */
  readonly byAnyName: ReadonlyMap<string, StepPause>;
}

/** Who is told of changes. */
export interface ControlListener {
  /** Only these steps are paused from now on; all names and aliases of each. */
  pause(names: ReadonlySet<string>): void;
  /** These may begin again. */
  resume(names: readonly string[]): void;
}

/** What a brake says of controls of its kind. */
export interface BrakeControls {
  /** Whether nothing of the step may begin. */
  isBraking(control: Control): boolean;
  /** These were braked, and are no more. */
  released(names: readonly string[]): void;
  /** All controls were read. */
  seen(controls: readonly Control[]): void;
}

/**
 * Which steps are paused, as the store last told. It is read once at each heartbeat, when a notification tells of a change, and when a
 * pause ends. A store that cannot be read changes nothing: what was known stays, and jobs go on.
 */
export class StepControls implements BackgroundService {
  private readonly logger = new LineLogger('SteppingControls');
  private controls: readonly Control[] = [];
  private pauses: readonly KnownPause[] = [];
  private byName: ReadonlyMap<string, KnownPause> = new Map();
  /** When the pauses of these names ended, by `performance.now()`. */
  private readonly ended = new Map<string, number>();
  /** No attempt begins in this process until it is known whether they are paused. */
  private readonly held = new Set<string>();
  private readonly reading = new SingleFlight(() => detached(() => this.read()));
  private heartbeat: NodeJS.Timeout | undefined;
  private endTimer: NodeJS.Timeout | undefined;
  private notifiedTimer: NodeJS.Timeout | undefined;
  private readAt = -Infinity;
  private failing = false;
  private stopped = false;
  private listener: ControlListener = { pause: () => undefined, resume: () => undefined };
  private brake: BrakeControls | undefined;

  constructor(
    private readonly store: ControlStore,
    private readonly registry: StepRegistry,
    private readonly events: SteppingEventBus,
    /** Milliseconds. */
    private readonly interval = HEARTBEAT_MS,
    /** Whether everybody else waits for the caller, as inside a transaction of the store's only connection. */
    private readonly holdsConnection: () => boolean = () => false,
  ) {}

  /** The paused steps, by name; those that this process does not provide by the name that was paused. */
  current(): ReadonlyMap<string, StepPause> {
    return new Map(this.pauses.map((pause) => [pause.stepName, pauseOf(pause)]));
  }

  /** The same, read now; as it was last told where it cannot be read. */
  async latest(): Promise<PausedSteps> {
    await this.refresh();
    const byAnyName = [...this.byName].map(([name, pause]): [string, StepPause] => [name, pauseOf(pause)]);
    return { bySteps: this.current(), byAnyName: new Map(byAnyName) };
  }

  /** Why nothing of a step begins, by any of its names. */
  pauseOf(stepName: string): StepPause | undefined {
    const pause = this.byName.get(stepName);
    return pause && pauseOf(pause);
  }

  isPaused(stepName: string): boolean {
    return this.byName.has(stepName);
  }

  /** Names of steps that are paused, or were until lately. */
  familiar(): string[] {
    return [...this.byName.keys(), ...this.ended.keys()];
  }

  /** Those that are about a step, by any of its names. */
  controlsOf(stepName: string, controls = this.controls): Control[] {
    const names = new Set(this.namesOf(stepName));
    return controls.filter((control) => this.namesIn(control).some((name) => names.has(name)));
  }

  /** All names and aliases of a step, its name first; where this process does not provide it, the given one. */
  namesOf(stepName: string): string[] {
    const definition = this.registry.get(stepName);
    return definition ? [definition.name, ...definition.aliases] : [stepName];
  }

  listen(listener: ControlListener, brake?: BrakeControls): void {
    this.listener = listener;
    this.brake = brake;
  }

  /** Lets no attempt of the step begin in this process, until `release()`. */
  hold(stepName: string): void {
    const names = this.namesOf(stepName).filter((name) => !this.held.has(name));
    if (names.length === 0) return;
    for (const name of names) this.held.add(name);
    this.tell();
  }

  release(stepName: string): void {
    const released = this.namesOf(stepName).filter((name) => this.held.delete(name));
    if (released.length === 0) return;
    this.tell();
    const free = released.filter((name) => !this.isPaused(name));
    if (free.length > 0) this.listener.resume(free);
  }

  start(): void {
    this.heartbeat = detached(() => setInterval(() => void this.refresh(), this.interval));
  }

  async stop(): Promise<void> {
    this.stopped = true;
    for (const timer of [this.heartbeat, this.endTimer, this.notifiedTimer]) clearTimeout(timer);
    await this.reading.landed();
  }

  /** Reads the controls now. Never fails; false when they could not be read, and after the stop. */
  async refresh(): Promise<boolean> {
    if (this.holdsConnection()) return this.readInside();
    // A read that is under way may not see what was written meanwhile.
    await this.reading.landed();
    if (!this.stopped) await this.reading.run();
    return !this.failing && !this.stopped;
  }

  /** Somebody tells that the controls have changed. */
  notified(): void {
    if (this.notifiedTimer !== undefined || this.stopped) return;
    const delay = Math.max(0, this.readAt + NOTIFIED_READ_MS - performance.now());
    const read = () => {
      this.notifiedTimer = undefined;
      void this.refresh();
    };
    this.notifiedTimer = detached(() => setTimeout(read, delay));
  }

  /** In the caller's own transaction: any other read would wait for its end. */
  private async readInside(): Promise<boolean> {
    if (!this.stopped) await this.read();
    // Should the transaction be rolled back, what was read is not so. This one waits for its end.
    detached(() => void this.refresh());
    return !this.failing && !this.stopped;
  }

  private async read(): Promise<void> {
    this.readAt = performance.now();
    try {
      const controls = await this.store.read();
      if (this.stopped) return;
      detached(() => this.apply(controls));
      const ended = controls.filter(({ kind, endsIn }) => kind === 'pause' && hasEnded(endsIn));
      for (const { kind, target, value } of ended) await this.store.removeEnded(kind, target, value);
      if (this.failing) this.logger.log('The controls of the job store can be read again.');
      this.failing = false;
    } catch (error) {
      if (!this.failing && !this.stopped) {
        this.logger.warn(
          'The controls of the job store cannot be read, so that this process does not learn which steps are paused; it keeps ' +
            `trying: ${errorText(error)}`,
        );
      }
      this.failing = true;
    }
  }

  private apply(controls: readonly Control[]): void {
    const before = this.byName;
    this.controls = controls;
    this.pauses = this.pausesIn(controls);
    this.byName = new Map(this.pauses.flatMap((pause) => pause.names.map((name) => [name, pause])));
    const resumed = [...before.keys()].filter((name) => !this.byName.has(name));
    this.noteEnded(resumed);
    this.announce(before);
    this.waitForEnd();
    if (resumed.length > 0 || this.pauses.some(({ names }) => names.some((name) => !before.has(name)))) {
      this.tell();
    }
    if (resumed.length > 0) {
      const braked = resumed.filter((name) => before.get(name)!.control.kind === 'brake');
      if (braked.length > 0) this.brake?.released(braked);
      this.listener.resume(resumed);
    }
    this.brake?.seen(controls);
  }

  private tell(): void {
    this.listener.pause(new Set([...this.byName.keys(), ...this.held]));
  }

  /** One for each step; what somebody has said goes before what the brake says. */
  private pausesIn(controls: readonly Control[]): KnownPause[] {
    const pauses = new Map<string, KnownPause>();
    for (const control of controls) {
      const pausing =
        control.kind === 'pause' ? !hasEnded(control.endsIn) : this.brake?.isBraking(control) === true;
      if (!pausing) continue;
      const names = this.namesIn(control);
      const stepName = names.find((name) => this.registry.get(name)?.name === name) ?? control.target;
      const other = pauses.get(stepName);
      const all = [...new Set([...names, ...(other?.names ?? [])])];
      const first = other?.control.kind === 'pause' ? other.control : control;
      pauses.set(stepName, { stepName, names: all, control: first });
    }
    return [...pauses.values()];
  }

  private namesIn(control: Control): string[] {
    const told = [control.target, ...(decodeValue(control)?.names ?? [])];
    return [...new Set(told.flatMap((name) => [name, ...this.namesOf(name)]))];
  }

  private noteEnded(names: readonly string[]): void {
    const now = performance.now();
    for (const name of names) this.ended.set(name, now);
    for (const [name, at] of this.ended) if (now - at > FAMILIAR_MS) this.ended.delete(name);
  }

  private announce(before: ReadonlyMap<string, KnownPause>): void {
    for (const pause of this.pauses) {
      if (pause.names.some((name) => before.has(name))) continue;
      const { kind, reason, by, until } = pauseOf(pause);
      const { stepName } = pause;
      this.events.emit({ event: 'step.paused', stepName, kind, reason, by, until });
      const whose = by === null ? '' : ` by ${by}`;
      const end = until === null ? '' : `, until ${until.toISOString()}`;
      this.logger.warn(`The step '${stepName}' is paused${whose}${end}: ${reason ?? 'no reason is given'}`);
    }
    for (const { stepName, names } of new Set(before.values())) {
      if (names.some((name) => this.byName.has(name))) continue;
      this.events.emit({ event: 'step.resumed', stepName });
      this.logger.log(`The step '${stepName}' is no longer paused.`);
    }
  }

  /** The clock of the store says when a pause has ended; this says when it is to be asked. */
  private waitForEnd(): void {
    clearTimeout(this.endTimer);
    const ends = this.pauses.map(({ control }) => control.endsIn ?? Infinity).filter((endsIn) => endsIn > 0);
    const first = Math.min(...ends);
    if (first >= this.interval || this.stopped) return;
    const delay = Math.min(Math.ceil(first) + 1, MAX_TIMER_MS);
    this.endTimer = detached(() => setTimeout(() => void this.refresh(), delay));
  }
}

function pauseOf({ control: { kind, reason, by, since, until } }: KnownPause): StepPause {
  return { kind, reason, by, since, until };
}

function hasEnded(endsIn: number | null): boolean {
  return endsIn !== null && endsIn <= 0;
}
