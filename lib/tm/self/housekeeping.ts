import type { BackgroundService } from '../../core/background-service.js';
import { SingleFlight } from '../../core/single-flight.js';

const PERIOD_MS = 60_000;
const MIN_PERIOD_MS = 1000;

/** Work that is done every minute, or as often as jobs expire. It never overlaps itself. */
export abstract class Housekeeping implements BackgroundService {
  protected stopped = false;
  private nextAt = -Infinity;
  private readonly working = new SingleFlight(() =>
    this.work().catch((error: unknown) => this.failed(error)),
  );

  private readonly period: number;

  /**
   * @param retention milliseconds for which something is kept.
   * @param longest milliseconds between two runs at most.
   */
  constructor(retention: number, longest = PERIOD_MS) {
    this.period = Math.min(longest, Math.max(retention, MIN_PERIOD_MS));
  }

  tick(): void {
    const now = performance.now();
    if (now < this.nextAt) return;
    this.nextAt = now + this.period;
    void this.run();
  }

  /** Runs it now, whatever the period. */
  async run(): Promise<void> {
    if (!this.stopped) await this.working.run();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.working.landed();
  }

  protected abstract work(): Promise<void>;
  protected abstract failed(error: unknown): void;
}
