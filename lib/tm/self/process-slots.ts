import { detached } from '../../core/detached.js';
import type { StepDefinition } from '../../core/steps/step-definition.js';

/** Runs the jobs of one store in the slots of the process. */
export interface SlotUser {
  /** Whether there is a slot, and a job that may wait for it. */
  readonly canStart: boolean;
  /** Begins one waiting job; false when none may begin. */
  startOne(): boolean;
  /** Slots or bytes were taken, or given back. */
  slotsChanged(): void;
}

/** How many attempts of a step run in this process. */
export interface StepRuns {
  running: number;
}

/** The slots of this process. The runners of its stores share them, and take turns. */
export class ProcessSlots {
  private readonly users: SlotUser[] = [];
  private readonly bySteps = new Map<StepDefinition | undefined, StepRuns>();
  private next = 0;
  /** How many attempts run. */
  running = 0;
  /** A job runs that may have brought a process down. */
  loneIsRunning = false;

  constructor(
    /** How many jobs run at once in this process. */
    readonly concurrency: number,
    /** Among how many stores what this process can take is divided. */
    readonly stores = 1,
  ) {}

  get isFull(): boolean {
    return this.running >= this.concurrency;
  }

  join(user: SlotUser): void {
    this.users.push(user);
  }

  /** All steps that this process does not provide share one. */
  runsOf(definition: StepDefinition | undefined): StepRuns {
    let runs = this.bySteps.get(definition);
    if (!runs) this.bySteps.set(definition, (runs = { running: 0 }));
    return runs;
  }

  /** Begins waiting jobs, one of each store in turn, until no more may begin. */
  start(): void {
    if (this.users.some((user) => user.canStart)) detached(() => this.fill());
    this.changed();
  }

  changed(): void {
    for (const user of this.users) user.slotsChanged();
  }

  private fill(): void {
    for (let idle = 0; idle < this.users.length;) {
      const user = this.users[this.next]!;
      this.next = (this.next + 1) % this.users.length;
      idle = user.startOne() ? 0 : idle + 1;
    }
  }
}
