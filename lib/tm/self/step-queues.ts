import type { StepDefinition } from '../../core/steps/step-definition.js';
import type { StepRegistry } from '../../core/steps/step.registry.js';
import type { LeasedJob } from './leased-job.js';
import type { ProcessSlots } from './process-slots.js';
import { StepQueue } from './step-queue.js';

/** How many jobs that were started here may wait for each one that may run; any process may take the others. */
const WAITING_PER_RUNNING = 8;
const MIN_WAITING = 512;

/** With fewer slots, none can be spared. */
const MIN_SHARED = 4;

/** The most that one step holds of the slots that the others leave. */
const SHARE = 7 / 8;

/** The steps that a claim may take jobs of. */
export interface ClaimableSteps {
  readonly names: readonly string[];
  /** How many jobs may be claimed; Infinity where no step has more jobs than slots. */
  readonly room: number;
  /** Enough jobs of other steps wait here. */
  readonly complete: boolean;
}

/**
 * The jobs of a store that wait for the slots of this process, in a queue for each step.
 *
 * One step holds at most 7/8 of the slots that the others leave, so a slow target cannot take all of them, nor can two. Waiting jobs
 * begin in the order in which they came, except that those of a step at its limit are passed.
 */
export class StepQueues {
  private readonly byName = new Map<string, StepQueue>();
  private readonly byDefinition = new Map<StepDefinition | undefined, StepQueue>();
  private readonly all: StepQueue[] = [];
  private turns = 0;
  private paused: ReadonlySet<string> = new Set();

  constructor(
    private readonly registry: StepRegistry,
    readonly slots: ProcessSlots,
  ) {}

  get concurrency(): number {
    return this.slots.concurrency;
  }

  /** Of a step by name or alias. All steps that this process does not provide share one. */
  of(stepName: string): StepQueue {
    let queue = this.byName.get(stepName);
    if (queue) return queue;
    const definition = this.registry.get(stepName);
    queue = this.byDefinition.get(definition);
    if (!queue) {
      queue = new StepQueue(
        this.limitOf(definition),
        Math.max(MIN_WAITING, this.concurrency * WAITING_PER_RUNNING),
        this.slots.runsOf(definition),
        this.slots.stores,
      );
      queue.paused = this.isPaused(definition);
      this.all.push(queue);
      this.byDefinition.set(definition, queue);
    }
    // Names that only jobs tell may be many.
    if (definition) this.byName.set(stepName, queue);
    return queue;
  }

  /**
   * Whether an attempt of the step may begin.
   *
   * @param leaving the queue whose slot is given back for it.
   */
  hasRoom(queue: StepQueue, leaving?: StepQueue): boolean {
    if (queue.paused || !queue.hasRoom(leaving === queue)) return false;
    const ours = queue.running - (leaving === queue ? 1 : 0);
    const all = this.slots.running - (leaving ? 1 : 0);
    if (all >= this.concurrency) return false;
    if (!this.isShared) return true;
    return ours < Math.max(1, Math.floor((this.concurrency - (all - ours)) * SHARE));
  }

  push(queue: StepQueue, job: LeasedJob, claimed: boolean): void {
    queue.push({ job, claimed, turn: (this.turns += 1) });
  }

  /** Where the job waits that is to begin next. */
  next(): StepQueue | undefined {
    let first: StepQueue | undefined;
    for (const queue of this.all) {
      if (queue.waiting > 0 && queue.turn < (first?.turn ?? Infinity) && this.hasRoom(queue)) first = queue;
    }
    return first;
  }

  begin(queue: StepQueue): number {
    this.slots.running += 1;
    return queue.begin();
  }

  end(queue: StepQueue, begunAt: number): void {
    this.slots.running -= 1;
    queue.end(begunAt);
  }

  get waiting(): number {
    let waiting = 0;
    for (const queue of this.all) waiting += queue.waiting;
    return waiting;
  }

  takeExcess(): LeasedJob[] {
    return this.all.flatMap((queue) => queue.takeExcess());
  }

  /** Takes the jobs out that wait at a paused step. */
  takePaused(): LeasedJob[] {
    return this.all.flatMap((queue) => (queue.paused ? queue.takeAll() : []));
  }

  takeAll(): LeasedJob[] {
    return this.all.flatMap((queue) => queue.takeAll());
  }

  /** Notes which steps are left out, for `reopened()`. */
  claimable(): ClaimableSteps {
    const names: string[] = [];
    let room = Infinity;
    let complete = true;
    for (const name of this.registry.names()) {
      const queue = this.of(name);
      if (queue.paused) {
        // Whoever ends the pause asks for a claim.
        queue.leftOut = false;
        continue;
      }
      queue.leftOut = !queue.wantsClaims;
      if (queue.leftOut) complete = false;
      else names.push(name);
      if (!queue.leftOut && queue.isPressed) room = Math.min(room, queue.room);
    }
    return { names, room, complete };
  }

  /** Whether a step that was left out may be claimed again; tells it once. */
  reopened(): boolean {
    let reopened = false;
    for (const queue of this.all) {
      if (!queue.leftOut || !queue.wantsClaims) continue;
      queue.leftOut = false;
      reopened = true;
    }
    return reopened;
  }

  /** Only these steps are paused from now on; all names and aliases of each. */
  pause(names: ReadonlySet<string>): void {
    this.paused = names;
    for (const [definition, queue] of this.byDefinition) queue.paused = this.isPaused(definition);
  }

  /** These steps begin with one attempt at a time. */
  startSlowly(names: readonly string[]): void {
    for (const name of names) this.of(name).startSlowly();
  }

  /** One more attempt of the step may run, after one has succeeded; true when as many as ever may. */
  speedUp(stepName: string): boolean {
    const queue = this.of(stepName);
    queue.speedUp();
    return !queue.isSlow;
  }

  private isPaused(definition: StepDefinition | undefined): boolean {
    return definition !== undefined && this.paused.has(definition.name);
  }

  private limitOf(definition: StepDefinition | undefined): number {
    const share = this.isShared ? Math.floor(this.concurrency * SHARE) : this.concurrency;
    return Math.min(share, definition?.concurrency ?? share);
  }

  private get isShared(): boolean {
    return this.concurrency >= MIN_SHARED && this.registry.hasSeveral;
  }
}
