import type { JobRun } from './job-run.js';
import type { StepQueue } from './step-queue.js';
import type { StepQueues } from './step-queues.js';

/** A run, and the slot that it holds at one step after the other. */
export class Seat {
  private begunAt: number;
  private isLeft = false;

  /** @param alone whether no other job that has to run alone may run beside it. */
  constructor(
    readonly run: JobRun,
    private queue: StepQueue,
    private readonly queues: StepQueues,
    private readonly alone: boolean,
  ) {
    this.begunAt = queues.begin(queue);
    if (alone) queues.slots.loneIsRunning = true;
  }

  /** The slot was given back while the run went on. */
  get left(): boolean {
    return this.isLeft;
  }

  /** Whether the run may go on at this step, in the same slot. */
  hasRoomAt(next: StepQueue): boolean {
    return this.queues.hasRoom(next, this.queue);
  }

  moveTo(next: StepQueue): void {
    this.queues.end(this.queue, this.begunAt);
    this.queue = next;
    this.begunAt = this.queues.begin(next);
  }

  /** Gives the slot back, once. */
  leave(): void {
    if (this.isLeft) return;
    this.isLeft = true;
    this.queues.end(this.queue, this.begunAt);
    if (this.alone) this.queues.slots.loneIsRunning = false;
  }
}
