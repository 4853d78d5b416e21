import { LineLogger } from '../core/line-logger.js';
import { SingleFlight } from '../core/single-flight.js';
import { within } from '../core/within.js';
import { errorText } from '../errors/error-text.js';
import type { SteppingProcess } from '../stepping.lifecycle.js';
import type { InboxPlace } from './inbox-place.js';

/** It is not urgent. */
const LONGEST_PERIOD_MS = 3600 * 1000;
const SHORTEST_PERIOD_MS = 1000;
/** Small enough that the locks and log records of one DELETE do no harm. */
const BATCH = 1000;
/** A statement is given up by then. */
const PATIENCE_MS = 10_000;

/**
 * Deletes marks that are older than the retention, in every process, each hour, and as often as they expire. A run ends when none is left:
 * a bounded one would never keep up with those who receive more.
 */
export class InboxRetention implements SteppingProcess {
  private readonly logger = new LineLogger('Inbox');
  private readonly working = new SingleFlight(() =>
    this.work().catch((error: unknown) => this.failed(error)),
  );
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;
  private reported = false;

  constructor(
    private readonly place: InboxPlace,
    /** Milliseconds. */
    private readonly retention: number,
  ) {}

  async start(): Promise<void> {
    const period = Math.min(LONGEST_PERIOD_MS, Math.max(this.retention, SHORTEST_PERIOD_MS));
    this.timer = setInterval(() => void this.working.run(), period).unref();
    void this.working.run();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearInterval(this.timer);
    await within(PATIENCE_MS, this.working.landed());
  }

  /** Nothing is started by others. */
  async drain(): Promise<void> {}

  private async work(): Promise<void> {
    const store = this.place.opened;
    if (!store) return;
    while (!this.stopped && (await store.purge(this.retention, BATCH)) === BATCH);
    this.reported = false;
  }

  private failed(error: unknown): void {
    if (!this.reported)
      this.logger.warn(`Deleting old marks of messages failed and is tried again: ${errorText(error)}`);
    this.reported = true;
  }
}
