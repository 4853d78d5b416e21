import { HttpStatus } from '@nestjs/common';
import { DashboardRequestError } from './dashboard.errors.js';

/** Who comes when so many wait already is sent away: what they ask would be old before it is answered. */
const MAX_WAITING = 200;

/**
 * Lets so many questions be at the store at a time; the others wait, and go on in the order in which they came. However many somebody asks at
 * once, connections are left for the jobs.
 */
export class Turns {
  private readonly waiting: (() => void)[] = [];

  constructor(private free: number) {}

  /** @throws DashboardRequestError where too many wait. */
  async take<T>(work: () => Promise<T>): Promise<T> {
    await this.turn();
    try {
      return await work();
    } finally {
      const next = this.waiting.shift();
      if (next) next();
      else this.free += 1;
    }
  }

  private async turn(): Promise<void> {
    if (this.free > 0) {
      this.free -= 1;
      return;
    }
    if (this.waiting.length >= MAX_WAITING) {
      throw new DashboardRequestError(
        HttpStatus.SERVICE_UNAVAILABLE,
        'BUSY',
        'Too much is asked of the dashboard at once. Try again in a while.',
      );
    }
    await new Promise<void>((resolve) => this.waiting.push(resolve));
  }
}
