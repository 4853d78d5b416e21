import type { Fleet } from './fleet.js';
import type { Ledger, Outcome } from './ledger.js';
import type { JobPlan } from './plan.js';
import type { WorkerMessage, WorkerProcess } from './process.js';
import { sleep } from './wait.js';

/** Requests jobs from whichever process serves, at a steady rate, and records every answer. */
export class LoadClient {
  private count = 0;
  private open = 0;

  constructor(
    private readonly fleet: Fleet,
    private readonly ledger: Ledger,
    private readonly prefix: string,
    /** Maximum number of unanswered requests. The client waits beyond it. */
    private readonly limit = 40,
  ) {
    fleet.onMessage((_, message) => this.read(message));
    fleet.onEnd((worker) => this.forget(worker));
  }

  private readonly asked = new Map<string, WorkerProcess>();

  /** Requests `rate` jobs per second until `ended` returns true. */
  async run(rate: number, planOf: (order: string) => JobPlan, ended: () => boolean): Promise<void> {
    const started = performance.now();
    let due = 0;
    while (!ended()) {
      due = ((performance.now() - started) / 1000) * rate;
      // Missed requests are not made up for in a burst.
      for (let burst = 0; this.count < due && burst < 50 && this.open < this.limit; burst += 1) {
        if (!this.place(planOf(`${this.prefix}-${this.count}`))) break;
      }
      await sleep(10);
    }
  }

  /** False if no process serves at the moment. */
  place(plan: JobPlan, worker: WorkerProcess | undefined = this.fleet.any()): boolean {
    if (!worker) return false;
    this.count += 1;
    this.open += 1;
    this.asked.set(plan.order, worker);
    this.ledger.asked(plan);
    worker.send({ place: plan });
    return true;
  }

  get unanswered(): number {
    return this.open;
  }

  private read(message: WorkerMessage): void {
    if (message.type !== 'answer') return;
    const order = String(message.order);
    if (!this.asked.delete(order)) return;
    this.open -= 1;
    const outcome = message.outcome === 'refused' ? 'unknown' : (message.outcome as Outcome);
    this.ledger.answered(order, outcome, message.gid as string | null, message.error as string | undefined);
  }

  private forget(worker: WorkerProcess): void {
    for (const [order, asked] of this.asked) {
      if (asked !== worker) continue;
      this.asked.delete(order);
      this.open -= 1;
    }
  }
}
